//! The tables, and the identification of this store's databases.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use store::{Column, ErrorKind, Origin};

use crate::failure::Failure;

/// How long a call waits for another writer.
const PATIENCE: Duration = Duration::from_secs(5);

/// "Airs": marks a database as this store's.
const APPLICATION: i32 = 0x4169_7273;

const VERSION: i32 = 2;

/// The key of `readings` is the order of rows, so that a query is a sequential read; a reading's
/// identity has a separate index. Countries are codes, networks names; empty is none, or the
/// default, which come first; windows are the places in `Window::ALL`. The stored columns follow,
/// as text, so that numbers keep their last digit. `changes` has, for each day that was ever
/// written to, the number of the last change there.
const TABLES: &str = "
    CREATE TABLE readings (
        day INTEGER NOT NULL,
        country TEXT NOT NULL,
        second INTEGER NOT NULL,
        network TEXT NOT NULL,
        sensor INTEGER NOT NULL,
        window INTEGER NOT NULL,
        PRIMARY KEY (day, country, second, network, sensor, window)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX identity ON readings (network, sensor, day, second, window);
    CREATE TABLE changes (day INTEGER PRIMARY KEY, number INTEGER NOT NULL) STRICT;
";

/// What is kept beside the key, under the names of the store's schema: a later version of it
/// may have more.
pub(crate) fn stored() -> impl Iterator<Item = Column> {
    Column::of_origin(Origin::Stored).filter(|column| *column != Column::Country)
}

pub(crate) fn connect(path: &Path) -> Result<Connection, Failure> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    // A commit is on the disk when it returns, also in WAL mode.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Creates missing tables.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), Failure> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = |pragma: &str| transaction.pragma_query_value(None, pragma, |row| row.get(0));
    let (application, version): (i32, i32) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    } else if application != APPLICATION {
        let problem = "the database is another program's; choose another file";
        return Err(Failure::new(ErrorKind::Invalid, problem));
    } else if version < VERSION {
        let problem = "an earlier version wrote the store: export with that, and import here";
        return Err(Failure::new(ErrorKind::Invalid, problem));
    } else if version > VERSION {
        let problem = "a newer version wrote the store; update this program";
        return Err(Failure::new(ErrorKind::TooNew, problem));
    }
    for column in stored().map(Column::name) {
        let known = "SELECT count(*) FROM pragma_table_info('readings') WHERE name = ?1";
        let known: i64 = transaction.query_row(known, [column], |row| row.get(0))?;
        if known == 0 {
            let add = format!("ALTER TABLE readings ADD COLUMN \"{column}\" TEXT");
            transaction.execute_batch(&add)?;
        }
    }
    Ok(transaction.commit()?)
}
