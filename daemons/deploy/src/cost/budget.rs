use super::{BadPrices, Capacity, MONTH_DAYS, Work, usage};

/// Something that may be turned, by itself or with all others.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Way {
    /// What to turn, with the flag for it.
    pub knob: String,
    /// What a month costs then, in USD.
    pub total: f64,
    /// Whether that is within the budget.
    pub enough: bool,
}

/// Seconds in which a fetch should be written to a table of provisioned capacity.
const WRITTEN_WITHIN: f64 = 600.0;

/// How much more than the mean of what is written there has to be.
const SPARE: f64 = 1.3;

/// How many times the mean of a day its busiest second may read.
const PEAK: f64 = 4.0;

/// What can be turned to get under a budget: for each knob the mildest turn that is enough, or
/// the furthest there is; then these turns together.
pub fn ways_under(
    budget: f64,
    work: &Work,
    total: impl Fn(&Work) -> Result<f64, BadPrices>,
) -> Result<Vec<Way>, BadPrices> {
    let mut ways = Vec::new();
    let mut furthest = work.clone();
    for turns in [retention(work), schedule(work), capacity(work), workers(work)] {
        let mut way = None;
        for (knob, turned) in turns {
            let total = total(&turned)?;
            way = Some((Way { knob, total, enough: total <= budget }, turned));
            if total <= budget {
                break;
            }
        }
        let Some((way, turned)) = way else { continue };
        furthest.kept_days = furthest.kept_days.min(turned.kept_days);
        furthest.fetches = furthest.fetches.min(turned.fetches);
        furthest.workers = furthest.workers.min(turned.workers);
        ways.push(way);
    }
    let cheapest = capacity(&furthest).into_iter().map(|(_, turned)| turned);
    let mut least = total(&furthest)?;
    for turned in cheapest {
        least = least.min(total(&turned)?);
    }
    ways.push(Way { knob: "these together".to_owned(), total: least, enough: least <= budget });
    Ok(ways)
}

type Turns = Vec<(String, Work)>;

fn retention(work: &Work) -> Turns {
    let days = [365.0, 180.0, 90.0, 30.0, 7.0];
    let fewer = days.into_iter().filter(|days| *days < work.kept_days);
    fewer
        .map(|kept_days| {
            let knob = format!("retention: --keep-readings {kept_days}");
            (knob, Work { kept_days, ..work.clone() })
        })
        .collect()
}

fn schedule(work: &Work) -> Turns {
    let schedules = [(24.0, "0 * * * *"), (4.0, "0 */6 * * *"), (1.0, "0 0 * * *")];
    let rarer = schedules.into_iter().filter(|(fetches, _)| *fetches < work.fetches);
    rarer
        .map(|(fetches, cron)| {
            let knob = format!("schedule: --schedule \"{cron}\"");
            (knob, Work { fetches, ..work.clone() })
        })
        .collect()
}

/// The other way to pay for the table: with units for what the work asks for at its peak.
fn capacity(work: &Work) -> Turns {
    if work.capacity != Capacity::OnDemand {
        let turned = Work { capacity: Capacity::OnDemand, ..work.clone() };
        return vec![("capacity: --capacity on-demand".to_owned(), turned)];
    }
    let of = |price: &str| -> f64 {
        let lines = usage::requests(work).into_iter();
        let units = lines.filter(|line| line.price == price).map(|line| line.quantity);
        units.sum::<f64>() / MONTH_DAYS / 86_400.0
    };
    let read = (of("dynamodb_read_unit") * PEAK).ceil().max(5.0);
    // Each of table and index has its own, and a fetch can be spread over the time to the next.
    let mean = of("dynamodb_write_unit") / 2.0;
    let write = (work.sensors / WRITTEN_WITHIN).max(mean * SPARE).ceil().max(5.0);
    let knob =
        format!("capacity: --capacity {read},{write} (a fetch is then written in ten minutes)");
    let capacity = Capacity::Provisioned { read, write };
    vec![(knob, Work { capacity, ..work.clone() })]
}

fn workers(work: &Work) -> Turns {
    let counts = [1.0, 0.1];
    let fewer = counts.into_iter().filter(|workers| *workers < work.workers);
    fewer
        .map(|workers| {
            let knob = match workers < 1.0 {
                true => format!("workers: --workers {workers} (they end when idle, and are there a tenth of the time)"),
                false => format!("workers: --workers {workers}"),
            };
            (knob, Work { workers, ..work.clone() })
        })
        .collect()
}
