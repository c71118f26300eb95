use super::{BadPrices, Capacity, MONTH_DAYS, Work, usage};

/// A change of settings that saves money, alone or all together.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Way {
    /// The setting, with its flag.
    pub knob: String,
    /// The resulting monthly cost, in USD.
    pub total: f64,
    /// Whether that is within the budget.
    pub enough: bool,
}

/// Target duration in seconds for writing a fetch to a table with provisioned capacity.
const WRITTEN_WITHIN: f64 = 600.0;

/// Margin of write capacity over the mean.
const SPARE: f64 = 1.3;

/// Ratio of peak to mean reads of a day.
const PEAK: f64 = 4.0;

/// The changes of settings to get under a budget: for each setting the smallest sufficient change,
/// or else the largest possible one; finally all of them together.
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
    ways.push(Way { knob: "all of these".to_owned(), total: least, enough: least <= budget });
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

/// The other capacity mode of the table, with units for peak load.
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
    // Table and index each have their own units, and a fetch can be spread over the time until the
    // next one.
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
                true => format!(
                    "workers: --workers {workers} (they stop when idle, and run a \
                                 tenth of the time)"
                ),
                false => format!("workers: --workers {workers}"),
            };
            (knob, Work { workers, ..work.clone() })
        })
        .collect()
}
