//! What processes cost, as the kernel counts it.

use anyhow::Context;
use std::time::Duration;

/// Unit of CPU times in /proc: `USER_HZ`, which is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// The processes of a run.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    pub(crate) server: u32,
    pub(crate) redis: Vec<u32>,
    pub(crate) kafka: Vec<u32>,
}

/// CPU time since each process began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    pub(crate) server: Duration,
    pub(crate) redis: Duration,
    pub(crate) kafka: Duration,
    pub(crate) generator: Duration,
    /// Of everything on this machine.
    pub(crate) machine: Duration,
}

impl Meters {
    pub(crate) fn read(&self) -> anyhow::Result<Cpu> {
        let sum = |pids: &[u32]| -> anyhow::Result<Duration> {
            pids.iter().map(|pid| cpu(&pid.to_string())).sum()
        };
        Ok(Cpu {
            server: cpu(&self.server.to_string())?,
            redis: sum(&self.redis)?,
            kafka: sum(&self.kafka)?,
            generator: cpu("self")?,
            machine: machine()?,
        })
    }

    /// Largest resident memory of the server so far, in KiB.
    pub(crate) fn peak_kib(&self) -> anyhow::Result<u64> {
        self.kib("VmHWM:")
    }

    /// Resident memory of the server now, in KiB.
    pub(crate) fn resident_kib(&self) -> anyhow::Result<u64> {
        self.kib("VmRSS:")
    }

    fn kib(&self, name: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse().ok())
            .with_context(|| format!("no {name} in /proc"))
    }
}

impl Cpu {
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            server: self.server.saturating_sub(earlier.server),
            redis: self.redis.saturating_sub(earlier.redis),
            kafka: self.kafka.saturating_sub(earlier.kafka),
            generator: self.generator.saturating_sub(earlier.generator),
            machine: self.machine.saturating_sub(earlier.machine),
        }
    }

    /// What nobody here has used.
    pub(crate) fn others(self) -> Duration {
        self.machine.saturating_sub(self.server + self.redis + self.kafka + self.generator)
    }
}

fn machine() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    busy(&stat).map(|ticks| TICK * ticks).context("cannot read /proc/stat")
}

/// All but the fourth and fifth of the machine's times, which are idle ones, and the last two, which are in the first two.
fn busy(stat: &str) -> Option<u32> {
    let times = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8).enumerate();
    let busy = times.filter(|(index, _)| *index != 3 && *index != 4);
    busy.map(|(_, ticks)| ticks.parse::<u32>().ok()).sum()
}

fn cpu(process: &str) -> anyhow::Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    ticks(&stat).map(|ticks| TICK * ticks).with_context(|| format!("cannot read {path}"))
}

/// User and system time. The name in front of them may hold anything, so they are counted from its closing bracket.
fn ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194560 900 0 0 0 123 45 0 0 20 0 9 0 100 1 2 3";
        assert_eq!(ticks(stat), Some(168));
        assert_eq!(ticks("77 (a"), None);
        assert_eq!(busy("cpu  1 2 4 800 900 8 16 32 64 128\ncpu0 1 1"), Some(63));
    }
}
