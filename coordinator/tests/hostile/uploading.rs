//! Data sets that are not what they are called.

use bistable_common::{ids::Hash, wire::v1};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use super::{
    siege::{Siege, invalid, refused},
    uploads::{self, CONTENT, chunk, header, said},
};

#[tokio::test]
async fn uploads_that_are_not_what_they_announce() {
    let siege = Siege::begin().await;
    let (right, wrong) = (Hash::of(&CONTENT).0, [3; 32]);
    let whole = CONTENT.len() as u64;
    let garbage = b"this is no data set at all";
    let uploads = [
        ("begins with a header", vec![]),
        ("begins with a header", vec![chunk(&CONTENT)]),
        ("hash (32 bytes)", vec![header(&right[..31], whole)]),
        (
            "at most 1073741824 bytes",
            vec![header(&right, 10_000_000_000)],
        ),
        ("at most 1073741824 bytes", vec![header(&right, u64::MAX)]),
        ("ended after 0 of", vec![header(&right, 1 << 30)]),
        (
            "ended after 10 of 30",
            vec![header(&right, whole), chunk(&CONTENT[..10])],
        ),
        ("more bytes than", vec![header(&right, 10), chunk(&CONTENT)]),
        (
            "more than 1 MiB",
            vec![header(&right, 1 << 30), chunk(&[0; (1 << 20) + 1])],
        ),
        (
            "has one header",
            vec![header(&right, whole), header(&right, whole)],
        ),
        ("hash", vec![header(&wrong, whole), chunk(&CONTENT)]),
        (
            "hash",
            vec![
                header(&right, whole),
                chunk(&CONTENT[15..]),
                chunk(&CONTENT[..15]),
            ],
        ),
        (
            "not a data set",
            vec![
                header(&Hash::of(garbage).0, garbage.len() as u64),
                chunk(garbage),
            ],
        ),
    ];
    for (why, messages) in uploads {
        invalid(why, siege.world.work().upload_data(said(messages))).await;
    }
    let silent = tokio_stream::once(v1::UploadDataRequest { message: None });
    invalid(
        "neither header nor chunk",
        siege.world.work().upload_data(silent),
    )
    .await;
    let uploaded = siege
        .world
        .work()
        .upload_data(said(uploads::whole(&CONTENT)))
        .await;
    uploaded.expect("nothing is left of the wrong ones");
    siege.ends_well().await;
}

#[tokio::test]
async fn uploads_that_never_end_keep_only_uploads_waiting() {
    let siege = Siege::begin().await;
    let mut endless = Vec::new();
    for _ in 0..2 {
        let (say, said) = mpsc::channel(4);
        let message = Some(header(&[3; 32], 1 << 30));
        say.send(v1::UploadDataRequest { message })
            .await
            .expect("room");
        let mut work = siege.world.work();
        let upload = tokio::spawn(async move { work.upload_data(ReceiverStream::new(said)).await });
        endless.push((say, upload));
    }
    // Until both are under way a third one gets further.
    let third = loop {
        let status = refused(siege.world.work().upload_data(said(vec![]))).await;
        if status.code() != Code::InvalidArgument {
            break status;
        }
    };
    assert_eq!(third.code(), Code::ResourceExhausted, "{third:?}");
    for (say, upload) in endless {
        drop(say);
        let ended = upload.await.expect("no panic").expect_err("a refusal");
        assert_eq!(ended.code(), Code::InvalidArgument, "{ended:?}");
    }
    siege.ends_well().await;
}

#[tokio::test]
async fn data_that_nobody_has() {
    let siege = Siege::begin().await;
    for hash in [vec![], vec![1; 31], vec![1; 1 << 20]] {
        let hash = || hash.clone().into();
        let stat = v1::StatDataRequest { hash: hash() };
        invalid("hash (32 bytes)", siege.world.work().stat_data(stat)).await;
        let fetch = v1::FetchDataRequest { hash: hash() };
        invalid("hash (32 bytes)", siege.world.work().fetch_data(fetch)).await;
    }
    let fetch = v1::FetchDataRequest {
        hash: vec![1; 32].into(),
    };
    let status = refused(siege.world.work().fetch_data(fetch)).await;
    assert_eq!(status.code(), Code::NotFound);
    siege.ends_well().await;
}
