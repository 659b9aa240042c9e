//! How a connection begins: TCP, TLS where the address says so, and the first word of the other side. A server refuses a
//! client's certificate only after the client's part of the handshake is over, so only that word shows that all went well.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{AlertDescription, CertificateError, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::mpsc,
    task::spawn_blocking,
};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Uri};
use tower::{Service, ServiceExt};

use super::{
    address::{Address, CONNECT_TIMEOUT},
    credentials::{Credentials, NoConnection},
};
use crate::tls::{cause, explain};

/// The first byte of an alert of TLS; of a frame of HTTP/2 it would be the size, of megabytes.
const TLS_ALERT: u8 = 0x15;

/// Connects, and waits for the coordinator's first word. Should the connection break, the channel makes a new one in the
/// same way.
pub(super) async fn dial(
    address: &Address,
    credentials: &Credentials,
) -> Result<Channel, NoConnection> {
    let (words, mut first_word) = mpsc::channel(1);
    let dialer = dialer(address, credentials, words);
    let connected = address.endpoint().connect_with_connector(dialer).await;
    let channel = connected.map_err(|error| NoConnection(innermost(&error)))?;
    match first_word.recv().await {
        Some(Err(reason)) => Err(NoConnection(reason)),
        Some(Ok(())) | None => Ok(channel),
    }
}

/// The same when the channel is first used; nobody waits for it.
pub(super) fn dial_later(address: &Address, credentials: &Credentials) -> Channel {
    let (words, _) = mpsc::channel(1);
    let dialer = dialer(address, credentials, words);
    address.endpoint().connect_with_connector_lazy(dialer)
}

fn dialer(
    address: &Address,
    credentials: &Credentials,
    words: mpsc::Sender<Word>,
) -> impl Service<Uri, Response = TokioIo<Line>, Error = NoConnection, Future: Send> + Send + use<>
{
    let (address, credentials) = (address.clone(), credentials.clone());
    tower::service_fn(move |uri: Uri| {
        let line = open(uri, address.clone(), credentials.clone(), words.clone());
        async move { line.await.map(TokioIo::new) }
    })
}

async fn open(
    uri: Uri,
    address: Address,
    credentials: Credentials,
    words: mpsc::Sender<Word>,
) -> Result<Line, NoConnection> {
    let tcp = connect(uri).await?;
    let io: Box<dyn Io> = match address.is_secure() {
        false => Box::new(tcp),
        true => {
            let told = |error: &dyn Error| NoConnection(error.to_string());
            let config = spawn_blocking(move || credentials.tls()).await;
            let config = config.map_err(|error| told(&error))?;
            let config = config.map_err(|error| told(&error))?;
            let name = ServerName::try_from(address.host().to_owned());
            let name = name.map_err(|error| told(&error))?;
            let shaken = TlsConnector::from(config).connect(name, tcp).await;
            Box::new(shaken.map_err(|error| NoConnection(in_words(&error, &address)))?)
        }
    };
    Ok(Line {
        io,
        silent: Some((address, words)),
    })
}

async fn connect(uri: Uri) -> Result<TcpStream, NoConnection> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connected = connector.oneshot(uri).await;
    let stream = connected.map_err(|error| NoConnection(innermost(&error)))?;
    Ok(stream.into_inner())
}

/// What is behind an error: the outer ones say "transport error".
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    loop {
        let late = innermost.downcast_ref::<io::Error>();
        if late.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return format!("no answer within {} s", CONNECT_TIMEOUT.as_secs());
        }
        match innermost.source() {
            Some(cause) => innermost = cause,
            None => return innermost.to_string(),
        }
    }
}

/// An error of the connection to `address`, and what to do.
fn in_words(error: &io::Error, address: &Address) -> String {
    let Some(cause) = cause(error) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
            _ => error.to_string(),
        };
    };
    let advice = match cause {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "; name the authority with --tls-ca".to_owned()
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "; give one with --tls-cert and --tls-key".to_owned()
        }
        rustls::Error::InvalidMessage(_) => {
            let plain = address.to_string().replacen("https://", "http://", 1);
            format!("; write {plain}")
        }
        _ => String::new(),
    };
    explain(cause) + &advice
}

/// A coordinator's first word, or why there is none.
type Word = Result<(), String>;

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that tells, once, whether the other side speaks.
struct Line {
    io: Box<dyn Io>,
    /// Whom to tell, until there was a word.
    silent: Option<(Address, mpsc::Sender<Word>)>,
}

impl Line {
    fn heard(&mut self, word: impl FnOnce(&Address) -> Word) {
        if let Some((address, words)) = self.silent.take() {
            // Nobody waits for the word of a later connection.
            let _ = words.try_send(word(&address));
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.heard(|_| Err("the connection broke".to_owned()));
    }
}

fn first_word(read: &[u8], address: &Address) -> Word {
    match read {
        [] => Err("it closed the connection".to_owned()),
        [TLS_ALERT, ..] if !address.is_secure() => {
            let secure = address.to_string().replacen("http://", "https://", 1);
            Err(format!("it speaks TLS; write {secure}"))
        }
        [b'H', b'T', b'T', b'P', ..] => Err("it speaks HTTP/1, not gRPC".to_owned()),
        _ => Ok(()),
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, buffer));
        self.heard(|address| match &read {
            Ok(()) => first_word(&buffer.filled()[before..], address),
            Err(error) => Err(in_words(error, address)),
        });
        Poll::Ready(read)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, bytes));
        self.after_writing(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.io).poll_flush(cx));
        self.after_writing(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, slices));
        self.after_writing(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl Line {
    /// Whoever hangs up may have said why: that is still there to be read.
    fn after_writing<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: io::Result<T>,
    ) -> Poll<io::Result<T>> {
        if written.is_err() && self.silent.is_some() {
            let mut bytes = [0; 64];
            let read = Pin::new(&mut *self).poll_read(cx, &mut ReadBuf::new(&mut bytes));
            // It was told already; and what cannot be written to will soon be at its end.
            let _ = ready!(read);
        }
        Poll::Ready(written)
    }
}
