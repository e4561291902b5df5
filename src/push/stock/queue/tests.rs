use super::*;
use std::time::Duration;

fn level(sku: &str, available: u32, version: u64) -> Level {
    let told = StockLevel { sku_id: sku.to_owned(), product_id: None, available };
    let read_at = Instant::now();
    Level { told, version, position: None, read_at, tries: 0, is_repeat: false, heals: false }
}

fn put(queue: &mut Queue, level: Level, group: &'static str) -> Put {
    queue.put(level, |_| group)
}

fn batch(queue: &mut Queue) -> Vec<(String, u32)> {
    match queue.take(Instant::now(), false) {
        Take::Batch { levels, .. } => {
            levels.into_iter().map(|level| (level.told.sku_id, level.told.available)).collect()
        }
        Take::NotBefore(_) | Take::Nothing => Vec::new(),
    }
}

fn names(queue: &mut Queue) -> Vec<String> {
    batch(queue).into_iter().map(|(sku, _)| sku).collect()
}

#[tokio::test(start_paused = true)]
async fn sold_out_levels_go_first_then_the_oldest_and_calls_are_filled() {
    let mut queue = Queue::new(3);
    for (sku, available) in [("a", 5), ("b", 5), ("c", 0), ("d", 5), ("e", 0)] {
        assert!(matches!(put(&mut queue, level(sku, available, 1), ""), Put::Waiting));
    }
    // One that sells out later is as urgent, and keeps nothing of its old place.
    assert!(
        matches!(put(&mut queue, level("d", 0, 2), ""), Put::Replaced(old) if old.version == 1)
    );
    assert_eq!(names(&mut queue), ["c", "e", "d"]);
    assert_eq!(names(&mut queue), ["a", "b"]);
    assert!(matches!(queue.take(Instant::now(), false), Take::Nothing));
}

#[tokio::test(start_paused = true)]
async fn an_older_level_never_takes_the_place_of_a_newer_however_many_wait() {
    let mut queue = Queue::new(1);
    let skus = VERSIONS * 2;
    for sku in 0..skus {
        put(&mut queue, level(&sku.to_string(), 5, 2), "");
    }
    for sku in 0..skus {
        let found = put(&mut queue, level(&sku.to_string(), 6, 1), "");
        assert!(matches!(found, Put::Late(_)), "{sku}: {found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn however_much_is_sold_out_the_rest_gets_a_call_of_ten() {
    let mut queue = Queue::new(1);
    for index in 0..100 {
        put(&mut queue, level(&format!("urgent{index}"), 0, 1), "");
    }
    put(&mut queue, level("rest", 5, 1), "");
    let turn = (1..=100).find(|_| names(&mut queue) == ["rest"]);
    assert_eq!(turn, Some(10));
    // Calls of the worker who carries sold-out levels only count too, and the turn is not lost by waiting for somebody.
    put(&mut queue, level("rest", 6, 2), "");
    queue.done("rest", None);
    for _ in 0..20 {
        let Take::Batch { levels, is_owed } = queue.take(Instant::now(), true) else { panic!() };
        assert!(levels.iter().all(Level::is_urgent) && !is_owed);
    }
    let Take::Batch { levels, is_owed } = queue.take(Instant::now(), false) else { panic!() };
    assert_eq!((levels[0].told.sku_id.as_str(), is_owed), ("rest", true));
}

#[tokio::test(start_paused = true)]
async fn levels_of_different_groups_do_not_share_a_call() {
    let mut queue = Queue::new(10);
    for (sku, group) in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("c1", "c"), ("b2", "b")] {
        put(&mut queue, level(sku, 5, 1), group);
    }
    // It moved to another listing while it waited.
    put(&mut queue, level("c1", 6, 2), "a");
    assert_eq!(names(&mut queue), ["a1", "a2", "c1"]);
    assert_eq!(names(&mut queue), ["b1", "b2"]);
    assert!(matches!(queue.take(Instant::now(), false), Take::Nothing));
    for sku in ["a1", "a2", "b1", "b2", "c1"] {
        queue.done(sku, None);
    }
    assert!(queue.groups.is_empty() && queue.skus.is_empty(), "{queue:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sku_has_one_call_at_a_time_and_the_newest_level_follows() {
    let mut queue = Queue::new(10);
    put(&mut queue, level("a", 5, 1), "");
    assert_eq!(names(&mut queue), ["a"]);
    assert!(matches!(put(&mut queue, level("a", 6, 2), ""), Put::Waiting));
    assert!(matches!(put(&mut queue, level("a", 7, 3), ""), Put::Replaced(_)));
    assert!(matches!(put(&mut queue, level("a", 6, 2), ""), Put::Late(_)));
    assert!(batch(&mut queue).is_empty());
    queue.done("a", None);
    assert_eq!(batch(&mut queue), [("a".to_owned(), 7)]);
    queue.done("a", None);
    assert!(queue.skus.is_empty());
    assert!(
        matches!(put(&mut queue, level("a", 7, 3), ""), Put::Waiting),
        "an equal one goes again"
    );
    assert!(matches!(put(&mut queue, level("a", 9, 1), ""), Put::Late(_)), "an older one never");
}

fn command(sku: &str, version: u64, offset: i64) -> Level {
    let position = Position { topic: "commands".into(), partition: 0, offset };
    Level { position: Some(position), ..level(sku, 5, version) }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_read_again_is_here_until_it_has_ended() {
    let mut queue = Queue::new(1);
    let first = || command("a", 1, 7);
    put(&mut queue, first(), "");
    assert!(matches!(put(&mut queue, first(), ""), Put::Here), "it waits");
    let Take::Batch { levels: mut taken, .. } = queue.take(Instant::now(), false) else {
        panic!("{queue:?}")
    };
    assert!(matches!(put(&mut queue, first(), ""), Put::Here), "it is under way");
    assert!(matches!(put(&mut queue, command("a", 1, 8), ""), Put::Late(_)), "it is another's");
    assert!(matches!(put(&mut queue, command("a", 2, 9), ""), Put::Waiting));
    assert!(matches!(put(&mut queue, first(), ""), Put::Here), "a newer one waits");
    assert!(
        matches!(queue.park(taken.pop().unwrap(), Instant::now()), Some(first) if first.version == 1)
    );
    assert!(matches!(put(&mut queue, first(), ""), Put::Late(_)), "it was superseded");
    assert!(matches!(put(&mut queue, command("a", 2, 9), ""), Put::Here));
    assert_eq!(names(&mut queue), ["a"]);
    queue.done("a", None);
    assert!(matches!(put(&mut queue, command("a", 2, 9), ""), Put::Waiting), "it goes again");
}

#[tokio::test(start_paused = true)]
async fn a_command_is_not_settled_by_a_level_that_is_told_once_more() {
    let mut queue = Queue::new(1);
    queue.again(level("a", 5, 2), |_| "", None);
    assert!(matches!(put(&mut queue, command("a", 2, 7), ""), Put::Replaced(_)));
    assert!(matches!(put(&mut queue, command("a", 2, 7), ""), Put::Here));
    assert_eq!(names(&mut queue), ["a"]);
    queue.done("a", None);
    queue.again(level("a", 5, 3), |_| "", None);
    assert_eq!(names(&mut queue), ["a"]);
    assert!(matches!(put(&mut queue, command("a", 3, 8), ""), Put::Waiting));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_for_later_waits_and_is_replaced_by_what_is_newer() {
    let mut queue = Queue::new(10);
    let second = Duration::from_secs(1);
    put(&mut queue, level("a", 5, 1), "");
    put(&mut queue, level("b", 5, 1), "");
    assert_eq!(names(&mut queue), ["a", "b"]);
    put(&mut queue, level("b", 6, 2), "");
    assert!(queue.park(level("a", 5, 1), Instant::now() + second).is_none());
    assert!(queue.park(level("b", 5, 1), Instant::now() + second).is_some());
    let moment = Instant::now() + second;
    assert!(matches!(queue.take(Instant::now(), false), Take::NotBefore(at) if at == moment));
    assert!(matches!(put(&mut queue, level("a", 0, 2), ""), Put::Replaced(_)));
    assert!(batch(&mut queue).is_empty(), "it rests whatever its level is");
    tokio::time::advance(second).await;
    assert_eq!(batch(&mut queue), [("a".to_owned(), 0), ("b".to_owned(), 6)]);
}

#[tokio::test(start_paused = true)]
async fn a_sku_that_needs_a_pause_between_two_writes_gets_it() {
    let mut queue = Queue::new(10);
    let second = Duration::from_secs(1);
    put(&mut queue, level("a", 5, 1), "");
    assert_eq!(names(&mut queue), ["a"]);
    queue.done("a", Some(Instant::now() + second));
    put(&mut queue, level("a", 0, 2), "");
    assert!(batch(&mut queue).is_empty());
    tokio::time::advance(second).await;
    assert_eq!(batch(&mut queue), [("a".to_owned(), 0)]);
    queue.done("a", Some(Instant::now() + second));
    tokio::time::advance(second).await;
    assert!(batch(&mut queue).is_empty());
    assert!(queue.skus.is_empty(), "nothing is kept of a SKU that rests no longer");
}

#[tokio::test(start_paused = true)]
async fn what_waits_rests_too_when_its_sku_is_told_once_more_later() {
    let mut queue = Queue::new(10);
    let moment = Instant::now() + Duration::from_secs(1);
    put(&mut queue, level("a", 5, 1), "");
    put(&mut queue, level("b", 5, 1), "");
    let found = queue.again(level("a", 6, 2), |_| "", Some(moment));
    assert!(matches!(found, Put::Replaced(old) if old.version == 1));
    assert_eq!(names(&mut queue), ["b"]);
    assert!(matches!(queue.take(Instant::now(), false), Take::NotBefore(at) if at == moment));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(batch(&mut queue), [("a".to_owned(), 6)]);
}
