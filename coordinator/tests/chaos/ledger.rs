//! What the database says, to a bystander with a connection of its own: who holds what, who leads, and what was reported.

use std::{future::poll_fn, sync::Arc};

use tokio::{sync::Notify, task::JoinHandle};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

/// Every report of a unit, the first and those that followed it; and a word whenever something changes.
const WITNESSES: &str = "
CREATE TABLE reports (sweep bytea, cell bigint, replicate bigint, block bigint, content text);
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reports VALUES (NEW.sweep, NEW.cell, NEW.replicate, NEW.block, md5(NEW.trajectory));
    RETURN NEW;
END $$;
CREATE TRIGGER witness BEFORE INSERT ON results FOR EACH ROW EXECUTE FUNCTION witness();
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY news;
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON results FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER tell AFTER INSERT OR DELETE ON leases FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER tell AFTER UPDATE OF epoch ON leader FOR EACH STATEMENT EXECUTE FUNCTION tell()";

/// Leases, and how many of their units have no result.
const HELD: &str = "
SELECT l.token, l.worker, count(*) FILTER (WHERE r.block IS NULL)
FROM leases l
CROSS JOIN generate_series(l.first_block, l.end_block - 1) AS b (block)
LEFT JOIN results r USING (sweep, cell, replicate, block)
GROUP BY l.token, l.worker";

/// The bystander.
pub struct Ledger {
    client: Client,
    news: Arc<Notify>,
    reader: JoinHandle<()>,
}

/// A lease.
pub struct Held {
    pub token: Vec<u8>,
    pub worker: String,
    /// Units without a result.
    pub open: i64,
}

/// What the database says at a moment.
pub struct Look {
    pub done: u64,
    pub held: Vec<Held>,
    pub epoch: i64,
    /// Who leads, unless its term has expired.
    pub leader: Option<String>,
}

impl Look {
    /// Units that are leased and not done.
    pub fn open(&self) -> i64 {
        self.held.iter().map(|held| held.open).sum()
    }
}

impl Ledger {
    /// Connects.
    pub async fn open(store: &str) -> Self {
        let config: Config = store.parse().expect("an address");
        let (client, mut connection) = config.connect(NoTls).await.expect("a database");
        let news = Arc::new(Notify::new());
        let heard = Arc::clone(&news);
        let reader = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notification(_) = message {
                    heard.notify_one();
                }
            }
        });
        client.batch_execute("LISTEN news").await.expect("LISTEN");
        Self {
            client,
            news,
            reader,
        }
    }

    /// Has everything written down from now on.
    pub async fn watch(&self) {
        let watched = self.client.batch_execute(WITNESSES).await;
        watched.expect("tables without witnesses");
    }

    /// Returns when something has changed since it returned last.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    pub async fn look(&self) -> Look {
        let held = self.client.query(HELD, &[]).await.expect("leases");
        let held = held.iter().map(|row| Held {
            token: row.get(0),
            worker: row.get(1),
            open: row.get(2),
        });
        let leader = "SELECT epoch, url, expires_at > clock_timestamp() FROM leader";
        let leader = self.client.query_one(leader, &[]).await.expect("a row");
        let leads: bool = leader.get(2);
        Look {
            done: self.count("results").await,
            held: held.collect(),
            epoch: leader.get(0),
            leader: leads.then(|| leader.get(1)),
        }
    }

    /// How many rows there are of something.
    pub async fn count(&self, of: &str) -> u64 {
        let sql = format!("SELECT count(*) FROM {of}");
        let row = self.client.query_one(&sql, &[]).await.expect("a count");
        u64::try_from(row.get::<_, i64>(0)).expect("a count")
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
