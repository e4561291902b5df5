//! Turns, the journal's advice, and what counts as the same parcel.

use super::command::WaybillCommand;
use super::journal::{Entry as Noted, State, Step, decide, key};
use super::look::{Found, find};
use super::queue::{Entry, Next, Queue};
use connectors::contract::model::{OrderId, Shipped};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

fn order(number: u8) -> OrderId {
    OrderId::try_new(&number.to_string()).unwrap()
}

fn taken<T>(next: Next<T>) -> Entry<T> {
    match next {
        Next::Take(entry) => entry,
        Next::Wait(_) | Next::Nothing => panic!("nothing to take"),
    }
}

#[test]
fn deadlines_come_before_arrival_and_a_busy_order_waits() {
    let now = Instant::now();
    let mut queue = Queue::default();
    for (number, ship_by, item) in [(1, 50, 'a'), (2, 40, 'b'), (3, 50, 'c'), (2, 10, 'd')] {
        queue.put(order(number), ship_by, item);
    }
    // The second parcel of order 2 is the most urgent, and must not overtake the first.
    let first = taken(queue.take(now));
    assert_eq!(first.item, 'b');
    assert_eq!(taken(queue.take(now)).item, 'a');
    queue.done(&first.order);
    assert_eq!(taken(queue.take(now)).item, 'd');
    assert_eq!(taken(queue.take(now)).item, 'c');
    assert!(matches!(queue.take(now), Next::Nothing));
}

#[test]
fn a_parked_parcel_keeps_its_order_waiting_and_nobody_else() {
    let now = Instant::now();
    let later = now + Duration::from_secs(5);
    let mut queue = Queue::default();
    for (number, item) in [(1, 'a'), (1, 'b'), (2, 'c')] {
        queue.put(order(number), 0, item);
    }
    let parked = taken(queue.take(now));
    queue.park(parked, later);
    assert_eq!(taken(queue.take(now)).item, 'c');
    assert!(matches!(queue.take(now), Next::Wait(until) if until == later));
    queue.put(order(1), -1, 'd');
    assert!(matches!(queue.take(now), Next::Wait(_)), "its order waits");
    let first = taken(queue.take(later));
    assert_eq!(first.item, 'a');
    assert!(matches!(queue.take(later), Next::Nothing));
    queue.done(&first.order);
    for item in ['b', 'd'] {
        let next = taken(queue.take(later));
        assert_eq!(next.item, item);
        queue.done(&next.order);
    }
}

#[derive(Debug, Clone)]
enum Act {
    Put(u8, i64),
    Take,
    Done(usize),
    Park(usize, u64),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0_u8..5, 0_i64..9).prop_map(|(order, ship_by)| Act::Put(order, ship_by)),
        3 => Just(Act::Take),
        2 => any::<usize>().prop_map(Act::Done),
        1 => (any::<usize>(), 0_u64..9).prop_map(|(at, time)| Act::Park(at, time)),
        1 => (0_u64..9).prop_map(Act::Wait),
    ]
}

/// The same promises, kept by looking at everything each time.
#[derive(Default)]
struct Model {
    /// What waits of each order, with deadline and arrival, first to go in front.
    waiting: BTreeMap<u8, Vec<(i64, usize)>>,
    parked: BTreeMap<u8, Instant>,
    busy: BTreeMap<u8, (i64, usize)>,
}

impl Model {
    fn next(&self, now: Instant) -> Option<usize> {
        let free = self.waiting.iter().filter(|(order, waiting)| {
            let is_parked = self.parked.get(order).is_some_and(|until| *until > now);
            !waiting.is_empty() && !is_parked && !self.busy.contains_key(order)
        });
        let turn = |waiting: &Vec<(i64, usize)>| {
            let ship_by = waiting.iter().map(|(ship_by, _)| *ship_by).min().unwrap();
            (ship_by, waiting[0].1)
        };
        free.map(|(_, waiting)| turn(waiting)).min().map(|(_, arrival)| arrival)
    }
}

proptest! {
    #[test]
    fn everything_is_taken_once_in_its_turn(acts in prop::collection::vec(act(), 0..200)) {
        let mut now = Instant::now();
        let (mut queue, mut model) = (Queue::default(), Model::default());
        let mut under_way: Vec<Entry<(u8, usize)>> = Vec::new();
        let mut arrivals = 0;
        // In the end everything that was put is taken: enough time, and enough turns.
        let end = std::iter::repeat_n([Act::Wait(9), Act::Take, Act::Done(0)], 200);
        for act in acts.into_iter().chain(end.flatten()) {
            match act {
                Act::Put(number, ship_by) => {
                    queue.put(order(number), ship_by, (number, arrivals));
                    model.waiting.entry(number).or_default().push((ship_by, arrivals));
                    arrivals += 1;
                }
                Act::Take => {
                    let expected = model.next(now);
                    let found = match queue.take(now) {
                        Next::Take(entry) => Some(entry),
                        Next::Wait(until) => {
                            prop_assert!(until > now);
                            None
                        }
                        Next::Nothing => None,
                    };
                    prop_assert_eq!(found.as_ref().map(|entry| entry.item.1), expected);
                    if let Some(entry) = found {
                        let head = model.waiting.get_mut(&entry.item.0).unwrap().remove(0);
                        model.parked.remove(&entry.item.0);
                        model.busy.insert(entry.item.0, head);
                        under_way.push(entry);
                    }
                }
                Act::Done(at) if !under_way.is_empty() => {
                    let entry = under_way.swap_remove(at % under_way.len());
                    model.busy.remove(&entry.item.0);
                    queue.done(&entry.order);
                }
                Act::Park(at, time) if !under_way.is_empty() => {
                    let entry = under_way.swap_remove(at % under_way.len());
                    let until = now + Duration::from_secs(time);
                    let head = model.busy.remove(&entry.item.0).unwrap();
                    model.waiting.get_mut(&entry.item.0).unwrap().insert(0, head);
                    model.parked.insert(entry.item.0, until);
                    queue.park(entry, until);
                }
                Act::Done(_) | Act::Park(..) => {}
                Act::Wait(time) => now += Duration::from_secs(time),
            }
        }
        prop_assert!(model.waiting.values().all(Vec::is_empty), "{:?}", model.waiting);
        prop_assert!(matches!(queue.take(now), Next::Nothing));
    }
}

fn command(text: &str) -> WaybillCommand {
    let base = r#"{"channel":"c","shop":"s","order_id":"1","carrier":"SF","number":"SF1""#;
    WaybillCommand::read(format!("{base}{text}}}").as_bytes()).unwrap()
}

#[test]
fn the_journal_says_what_is_left_to_do() {
    let ship = command("");
    let force = command(r#","force":true"#);
    let replace = command(r#","action":"replace""#);
    let advice = |state: Option<State>, by: &str, command: &WaybillCommand| {
        let entry = state.map(|state| Noted { state, push_id: by.to_owned() });
        decide(entry.as_ref(), "mine", command)
    };
    assert_eq!(advice(None, "", &ship), Step::Call);
    for (state, by, of_ship, of_force, of_replace) in [
        (State::Refused, "mine", Step::Call, Step::Call, Step::Call),
        (State::Refused, "other", Step::Call, Step::Call, Step::Call),
        (State::Sent, "mine", Step::ReadBack, Step::ReadBack, Step::ReadBack),
        (State::Sent, "other", Step::ReadBack, Step::ReadBack, Step::ReadBack),
        (State::Confirmed, "mine", Step::Done, Step::Done, Step::Done),
        (State::Confirmed, "other", Step::Done, Step::ReadBack, Step::Call),
        (State::Conflicted, "mine", Step::Conflict, Step::Conflict, Step::Conflict),
        (State::Conflicted, "other", Step::Conflict, Step::Call, Step::Conflict),
    ] {
        assert_eq!(advice(Some(state), by, &ship), of_ship, "{state:?} {by} ship");
        assert_eq!(advice(Some(state), by, &force), of_force, "{state:?} {by} force");
        assert_eq!(advice(Some(state), by, &replace), of_replace, "{state:?} {by} replace");
    }
}

#[test]
fn a_parcel_is_its_order_lines_action_carrier_and_number_and_nothing_else() {
    let lines = |text: &str| command(&format!(r#","lines":[{text}]"#));
    let (one, two) = (r#"{"line_id":"1","quantity":1}"#, r#"{"line_id":"2","quantity":1}"#);
    let same = key(&command(""));
    assert_eq!(key(&command(r#","force":true,"ship_by":"2026-11-12T10:00:00+08:00""#)), same);
    let mut small = command("");
    small.number = "sf1".to_owned();
    assert_eq!(key(&small), same);
    assert_eq!(
        key(&lines(&format!("{one},{two}"))),
        key(&lines(&format!("{two},{one}"))),
        "lines have no order"
    );
    let mut different = vec![same, key(&lines(one)), key(&lines(two))];
    different.push(key(&lines(r#"{"line_id":"1","quantity":2}"#)));
    different.push(key(&command(r#","action":"replace""#)));
    for change in [
        |command: &mut WaybillCommand| command.channel.push('x'),
        |command: &mut WaybillCommand| command.shop.push('x'),
        |command: &mut WaybillCommand| command.order_id = OrderId::try_new("2").unwrap(),
        |command: &mut WaybillCommand| command.carrier.push('x'),
        |command: &mut WaybillCommand| command.number.push('x'),
    ] {
        let mut changed = command("");
        change(&mut changed);
        different.push(key(&changed));
    }
    let count = different.len();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), count);
}

#[test]
fn a_number_is_found_as_channels_write_it() {
    let known = |numbers: &[&str]| -> Vec<Shipped> {
        let shipped = |number: &&str| Shipped {
            carrier: "SF".to_owned(),
            number: (*number).to_owned(),
            at: None,
        };
        numbers.iter().map(shipped).collect()
    };
    assert_eq!(find(&known(&[]), "SF1"), Found::Nothing);
    assert_eq!(find(&known(&["SF2", " sf1 "]), "SF1"), Found::There);
    assert_eq!(find(&known(&["SF2", "SF11"]), "SF1"), Found::Others);
    // What is delivered without a parcel is listed without a number, where it is listed.
    assert_eq!(find(&known(&[""]), ""), Found::There);
    assert_eq!(find(&known(&["SF2"]), ""), Found::Others);
}
