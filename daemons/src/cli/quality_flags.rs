//! Which quality flags are computed.

use airshed::Flagging;
use airshed::neighbours::{BadLimits, Limits};
use clap::Args;
use store::Flags;

/// Which flags are computed, and the limits of sensors beside their neighbours.
#[derive(Args, Clone)]
pub(super) struct QualityFlags {
    /// Quality flags to compute and store: `all`, `none`, or names of those that `airshed index
    /// --flags` marks as stored. Others follow from the reading itself.
    #[arg(long = "flags", env = "AIRSHED_FLAGS", value_name = "NAMES", default_value = "all", value_parser = computed)]
    computed: Flags,
    #[command(flatten)]
    limits: LimitFlags,
}

/// The limits of sensors beside their neighbours.
#[derive(Args, Clone)]
pub(super) struct LimitFlags {
    /// File with the limits of sensor types beside their neighbours: lines of model,below,above, as
    /// `airshed neighbour-limits` prints them [default: the SDS011's, 0.5 and 2]
    #[arg(long, env = "AIRSHED_NEIGHBOUR_LIMITS", value_name = "FILE", value_parser = limits)]
    neighbour_limits: Option<Limits>,
}

impl QualityFlags {
    pub(super) fn flagging(&self) -> Flagging {
        Flagging { computed: self.computed, limits: self.limits.limits() }
    }
}

impl LimitFlags {
    pub(super) fn limits(&self) -> Limits {
        self.neighbour_limits.clone().unwrap_or_default()
    }
}

/// The limits in a file.
fn limits(path: &str) -> Result<Limits, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    text.parse().map_err(|error: BadLimits| error.to_string())
}

/// A list of flags, separated by commas.
fn computed(text: &str) -> Result<Flags, String> {
    match text.trim() {
        "all" => return Ok(Flagging::ALL),
        "none" => return Ok(Flags::NONE),
        _ => {}
    }
    let stored = || Flagging::ALL.names().collect::<Vec<_>>().join(", ");
    let mut all = Flags::NONE;
    for name in text.split(',').map(str::trim) {
        let flag = Flags::from_name(name).filter(|flag| Flagging::ALL.contains(*flag));
        let flag = flag.ok_or_else(|| format!("`{name}` is none of {}", stored()))?;
        all = all.union(flag);
    }
    Ok(all)
}
