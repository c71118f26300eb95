use super::{BadPrices, Capacity, MONTH_DAYS, Work, usage};

/// A change of settings that saves money, alone or all together.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Saving {
    /// The setting, with its flag.
    pub setting: String,
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
pub fn savings_for(
    budget: f64,
    work: &Work,
    total: impl Fn(&Work) -> Result<f64, BadPrices>,
) -> Result<Vec<Saving>, BadPrices> {
    let mut savings = Vec::new();
    let mut furthest = work.clone();
    for options in [retention(work), schedule(work), capacity(work), workers(work)] {
        let mut saving = None;
        for (setting, changed) in options {
            let total = total(&changed)?;
            saving = Some((Saving { setting, total, enough: total <= budget }, changed));
            if total <= budget {
                break;
            }
        }
        let Some((saving, changed)) = saving else { continue };
        furthest.kept_days = furthest.kept_days.min(changed.kept_days);
        furthest.fetches = furthest.fetches.min(changed.fetches);
        furthest.workers = furthest.workers.min(changed.workers);
        savings.push(saving);
    }
    let cheapest = capacity(&furthest).into_iter().map(|(_, changed)| changed);
    let mut least = total(&furthest)?;
    for changed in cheapest {
        least = least.min(total(&changed)?);
    }
    savings.push(Saving {
        setting: "all of these".to_owned(),
        total: least,
        enough: least <= budget,
    });
    Ok(savings)
}

type Options = Vec<(String, Work)>;

fn retention(work: &Work) -> Options {
    let days = [365.0, 180.0, 90.0, 30.0, 7.0];
    let fewer = days.into_iter().filter(|days| *days < work.kept_days);
    fewer
        .map(|kept_days| {
            let setting = format!("retention: --keep-readings {kept_days}");
            (setting, Work { kept_days, ..work.clone() })
        })
        .collect()
}

fn schedule(work: &Work) -> Options {
    let schedules = [(24.0, "0 * * * *"), (4.0, "0 */6 * * *"), (1.0, "0 0 * * *")];
    let rarer = schedules.into_iter().filter(|(fetches, _)| *fetches < work.fetches);
    rarer
        .map(|(fetches, cron)| {
            let setting = format!("schedule: --schedule \"{cron}\"");
            (setting, Work { fetches, ..work.clone() })
        })
        .collect()
}

/// The other capacity mode of the table, with units for peak load.
fn capacity(work: &Work) -> Options {
    if work.capacity != Capacity::OnDemand {
        let changed = Work { capacity: Capacity::OnDemand, ..work.clone() };
        return vec![("capacity: --capacity on-demand".to_owned(), changed)];
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
    let setting =
        format!("capacity: --capacity {read},{write} (a fetch is then written in ten minutes)");
    let capacity = Capacity::Provisioned { read, write };
    vec![(setting, Work { capacity, ..work.clone() })]
}

fn workers(work: &Work) -> Options {
    let counts = [1.0, 0.1];
    let fewer = counts.into_iter().filter(|workers| *workers < work.workers);
    fewer
        .map(|workers| {
            let setting = match workers < 1.0 {
                true => format!(
                    "workers: --workers {workers} (they stop when idle, and run a \
                                 tenth of the time)"
                ),
                false => format!("workers: --workers {workers}"),
            };
            (setting, Work { workers, ..work.clone() })
        })
        .collect()
}
