//! What rustls says, as sentences about the other side that say what to do.

use std::io;

use rustls::{AlertDescription, CertificateError};

/// What TLS has to do with an error of a connection.
pub fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Why a handshake failed, or a connection right after it, in a sentence about the other side.
pub fn explain(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(reason) => refused(reason),
        rustls::Error::AlertReceived(alert) => answer(*alert),
        rustls::Error::InvalidMessage(_) => "it does not speak TLS".to_owned(),
        rustls::Error::NoCertificatesPresented => "it shows no certificate".to_owned(),
        other => format!("TLS failed: {other}"),
    }
}

/// Why we do not take the other side's certificate.
fn refused(reason: &CertificateError) -> String {
    use CertificateError as Why;
    match reason {
        Why::ExpiredContext { time, not_after } => {
            let ago = time.as_secs().saturating_sub(not_after.as_secs());
            format!("its certificate expired {} ago", span(ago))
        }
        Why::NotValidYetContext { time, not_before } => {
            let until = not_before.as_secs().saturating_sub(time.as_secs());
            format!(
                "its certificate is valid only in {}; is a clock wrong?",
                span(until)
            )
        }
        Why::UnknownIssuer => {
            "its certificate is of an authority that is not trusted here".to_owned()
        }
        Why::BadSignature => {
            "its certificate is not signed by the authority that it names".to_owned()
        }
        Why::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            match presented.is_empty() {
                true => format!("its certificate is not for `{expected}` and names nobody"),
                false => format!(
                    "its certificate is not for `{expected}` but for {}",
                    presented.join(", ")
                ),
            }
        }
        Why::InvalidPurposeContext { .. } => {
            format!("its certificate is for something else: {reason}")
        }
        other => format!("its certificate is not good: {other}"),
    }
}

/// Why the other side does not want us.
fn answer(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "it asks for a certificate of ours".to_owned(),
        AlertDescription::CertificateExpired => {
            "it refuses our certificate, which is expired or not valid yet".to_owned()
        }
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            "it refuses our certificate, whose authority it does not trust".to_owned()
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked => {
            format!("it refuses our certificate: {alert:?}")
        }
        AlertDescription::NoApplicationProtocol => "it does not speak HTTP/2".to_owned(),
        other => format!("it ended the handshake: {other:?}"),
    }
}

/// About how long.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
