//! `conformance.csv`, as a library in any language would run it.

#![allow(clippy::unwrap_used)]

use airshed_aqi::{Concentration, Sample, standards};

const FILE: &str = include_str!("../conformance.csv");

#[test]
fn every_row_holds() {
    let mut rows = FILE.lines();
    let header = "standard,version,pollutant,unit,averaging,concentration,index,category,source";
    assert_eq!(rows.next(), Some(header));
    let mut covered = std::collections::BTreeSet::new();
    for row in rows {
        let cells: Vec<_> = row.splitn(9, ',').collect();
        let [id, version, pollutants, units, averagings, concentrations, index, category, source] =
            cells[..]
        else {
            unreachable!("{row}")
        };
        let list = |cell: &'static str| cell.split(';');
        let samples: Vec<_> = list(pollutants)
            .zip(list(units))
            .zip(list(averagings))
            .zip(list(concentrations))
            .map(|(((pollutant, unit), averaging), concentration)| {
                let unit = unit.parse().unwrap();
                let concentration = Concentration::parse(concentration, unit).unwrap();
                let (pollutant, averaging) =
                    (pollutant.parse().unwrap(), averaging.parse().unwrap());
                Sample::new(pollutant, averaging, concentration)
            })
            .collect();
        let covers = |standard: &&airshed_aqi::Standard| {
            standard.policy.is_empty()
                && samples.iter().all(|s| standard.table(s.pollutant, s.averaging).is_ok())
        };
        let standard = standards::find(id, version).find(covers).expect(row);
        let answer = standard.index(&samples).expect(row);
        assert_eq!(answer.index().to_string(), index, "{row}");
        assert_eq!(answer.category().name, category, "{row}");
        assert!(!source.is_empty(), "{row}");
        covered.insert((id, version));
    }
    for standard in standards::ALL {
        assert!(covered.contains(&(standard.id, standard.version)), "{standard} has no row");
    }
}
