//! A connection to the database, set up the way the store's promises need it.

use std::{cell::RefCell, collections::HashMap};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Row, Statement, types::ToSql};

use super::{address::PostgresAddress, error::PostgresError, handshake::Handshake};

/// The oldest server that is supported.
const MIN_VERSION: i32 = 150_000;

/// Nobody waits for a lock for longer.
pub(super) const LONGEST_WAIT: &str = "SET lock_timeout = '1500ms'";

/// What every connection begins with, after [`LONGEST_WAIT`].
///
/// * A coordinator that stops in the middle of a transaction must not keep its locks, or nobody could take over.
/// * A server that was told to answer commits before they are durable is told otherwise.
const SET_UP: &str = "
    SET client_min_messages = 'warning';
    SET idle_in_transaction_session_timeout = '2s';
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off';
    SELECT current_setting('server_version_num'), current_setting('server_version'), current_setting('fsync')";

/// What a statement is given.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

/// A connection; it ends with this value, and with it whatever transaction was open.
pub(super) struct Session {
    client: Client,
    connection: JoinHandle<()>,
    statements: RefCell<HashMap<&'static str, Statement>>,
}

impl Session {
    /// Connects. Call it inside the runtime that is to carry the connection.
    pub async fn open(address: &PostgresAddress) -> Result<Self, PostgresError> {
        let place = || address.to_string();
        let tls = address.encryption().config();
        let tls = tls.map_err(|error| PostgresError::Tls {
            place: place(),
            error,
        })?;
        let connected = address.config().connect(Handshake(tls)).await;
        let (client, connection) = connected.map_err(|error| PostgresError::Connect {
            place: place(),
            error,
        })?;
        let connection = tokio::spawn(async move {
            // Whoever uses the client hears of it.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        let session = Self {
            client,
            connection,
            statements: RefCell::default(),
        };
        session.set_up(address).await?;
        Ok(session)
    }

    async fn set_up(&self, address: &PostgresAddress) -> Result<(), PostgresError> {
        use tokio_postgres::SimpleQueryMessage::Row;
        let all = format!("{LONGEST_WAIT}; {SET_UP}");
        let answers = self.client.simple_query(&all).await?;
        let Some(row) = answers.iter().rev().find_map(|answer| match answer {
            Row(row) => Some(row),
            _ => None,
        }) else {
            return Ok(());
        };
        let number = row.get(0).and_then(|number| number.parse::<i32>().ok());
        if number.is_none_or(|number| number < MIN_VERSION) {
            return Err(PostgresError::TooOld {
                place: address.to_string(),
                found: row.get(1).unwrap_or("of an unknown version").to_owned(),
            });
        }
        if row.get(2) == Some("off") {
            tracing::warn!(
                "{address} runs with fsync = off: what is acknowledged may be lost when its machine stops"
            );
        }
        Ok(())
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs statements that return nothing and take no arguments.
    pub async fn batch(&self, sql: &str) -> Result<(), PostgresError> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Runs a statement; returns its rows.
    pub async fn query(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, PostgresError> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, params).await?)
    }

    /// Runs a statement that returns at most one row.
    pub async fn query_opt(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Option<Row>, PostgresError> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query_opt(&statement, params).await?)
    }

    /// Runs a statement; returns how many rows it changed.
    pub async fn execute(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<u64, PostgresError> {
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, params).await?)
    }

    /// Statements are prepared once a connection.
    async fn statement(&self, sql: &'static str) -> Result<Statement, PostgresError> {
        let known = self.statements.borrow().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A server that hangs would never let it end.
        self.connection.abort();
    }
}
