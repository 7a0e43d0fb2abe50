//! CPU time of a process by thread name, from /proc.

use std::collections::BTreeMap;

/// Clock ticks a second in /proc: the kernel's USER_HZ, 100 on every Linux platform.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds by component: threads of the same name (trailing numbers dropped) together.
pub(crate) type CpuSeconds = BTreeMap<String, f64>;

/// What the threads of `pid` have used so far; empty where /proc does not tell.
fn read(pid: u32) -> CpuSeconds {
    let mut seconds = CpuSeconds::new();
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return seconds };
    for task in tasks.flatten() {
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        if let Some((name, used)) = parse(&stat) {
            *seconds.entry(name).or_default() += used;
        }
    }
    seconds
}

/// Name and CPU seconds from a `stat` line: `pid (name) state … utime stime …`, where utime and
/// stime are fields 14 and 15 (proc(5)).
fn parse(stat: &str) -> Option<(String, f64)> {
    let (open, close) = (stat.find('(')?, stat.rfind(')')?);
    let name = stat[open + 1..close]
        .trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '#');
    let mut fields = stat[close + 1..].split_ascii_whitespace().skip(11);
    let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some((name.to_owned(), ticks / TICKS_PER_SECOND))
}

/// What was used between two readings, without the components that used nothing.
fn between(before: &CpuSeconds, after: &CpuSeconds) -> CpuSeconds {
    let used = after.iter().map(|(name, seconds)| {
        (name.clone(), seconds - before.get(name).copied().unwrap_or_default())
    });
    used.filter(|(_, seconds)| *seconds >= 0.005).collect()
}

/// CPU of a node and of this process, the load generator.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) node: CpuSeconds,
    pub(crate) generator: f64,
}

impl Reading {
    /// What the node with this process id and the load generator have used so far.
    pub(crate) fn now(pid: u32) -> Self {
        Self { node: read(pid), generator: read(std::process::id()).values().sum() }
    }

    /// What was used since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            node: between(&before.node, &self.node),
            generator: self.generator - before.generator,
        }
    }
}

/// The machine: its number of cores and the load average of the last minute.
pub(crate) fn cores_and_load() -> (usize, f64) {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default();
    (std::thread::available_parallelism().map_or(1, usize::from), load)
}

/// Resident memory of `pid` in MiB; 0 where /proc does not tell.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").trim().parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_names_with_spaces_and_numbers() {
        let line = "12 (jovay (x) 3) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0";
        assert_eq!(parse(line).unwrap(), ("jovay (x) ".to_owned(), 2.0));
    }

    #[test]
    fn own_process_is_readable() {
        assert!(!read(std::process::id()).is_empty());
        assert!(resident_mib(std::process::id()) > 1.0);
    }
}
