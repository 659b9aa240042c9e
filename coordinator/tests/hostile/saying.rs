//! Sessions and heartbeats of broken workers.

use bistable_common::wire::v1::{
    self, session_request::Message as Say, session_response::Message as Heard,
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};

use super::{
    siege::{Siege, invalid, refused},
    support::{Worker, hello},
};

fn request(message: Option<Say>) -> v1::SessionRequest {
    v1::SessionRequest { message }
}

fn credit(leases: u32) -> Say {
    Say::Credit(v1::Credit { leases })
}

/// Ends of a session that `worker` has just made impossible.
async fn broken(worker: &mut Worker, why: &str) {
    invalid(why, async {
        while let Some(heard) = worker.hear().await? {
            assert!(
                matches!(heard, Heard::Sweep(_) | Heard::Lease(_)),
                "{heard:?}"
            );
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn sessions_begin_with_a_hello_that_makes_sense() {
    let siege = Siege::begin().await;
    let begins = "a session begins with a hello";
    for first in [
        None,
        Some(credit(1)),
        Some(Say::HandBack(v1::HandBack::default())),
    ] {
        let said = tokio_stream::once(request(first)).chain(tokio_stream::pending());
        invalid(begins, siege.world.work().session(said)).await;
    }
    invalid(begins, siege.world.work().session(tokio_stream::empty())).await;
    type Change = fn(&mut v1::Hello);
    let changes: [(&str, Change); 6] = [
        ("names have at most 256 bytes", |hello| hello.worker.clear()),
        ("names have at most 256 bytes", |hello| {
            hello.worker = "w".repeat(257)
        }),
        ("names have at most 256 bytes", |hello| {
            hello.host = "h".repeat(1 << 20)
        }),
        ("a worker has at least one", |hello| hello.slots = 0),
        ("hash (32 bytes)", |hello| {
            hello.numerics = vec![7; 1 << 20].into()
        }),
        ("lease token (16 bytes)", |hello| {
            hello.held = vec![vec![1; 15].into()]
        }),
    ];
    for (why, change) in changes {
        let mut wrong = hello("wrong");
        change(&mut wrong);
        invalid(why, Worker::join(siege.world.work(), wrong)).await;
    }
    siege.ends_well().await;
}

#[tokio::test]
async fn sessions_end_with_a_message_that_means_nothing() {
    let siege = Siege::begin().await;
    let short = || vec![1, 2, 3].into();
    let said = [
        ("hello is said once", Say::Hello(hello("rude"))),
        (
            "lease token (16 bytes)",
            Say::HandBack(v1::HandBack { token: short() }),
        ),
        (
            "lease token (16 bytes)",
            Say::Finished(v1::Finished { token: short() }),
        ),
        (
            "lease token (16 bytes)",
            Say::UnitFailed(v1::UnitFailed::default()),
        ),
        (
            "no unit is named",
            Say::UnitFailed(v1::UnitFailed {
                token: vec![1; 16].into(),
                ..Default::default()
            }),
        ),
    ];
    for (why, message) in said {
        let mut rude = siege.world.worker("rude").await;
        rude.say(message).await;
        broken(&mut rude, why).await;
    }
    let mut mute = siege.world.worker("mute").await;
    mute.say.send(request(None)).await.expect("a session");
    broken(&mut mute, "nothing is said").await;
    siege.ends_well().await;
}

#[tokio::test]
async fn endless_credit_buys_nothing_that_others_need() {
    let siege = Siege::begin().await;
    let greedy = v1::Hello {
        slots: u32::MAX,
        remaining_ms: Some(u64::MAX),
        ..hello("greedy")
    };
    let greedy = Worker::join(siege.world.work(), greedy)
        .await
        .expect("join");
    for _ in 0..1000 {
        greedy.say(credit(u32::MAX)).await;
    }
    // It leaves with whatever it got, which goes to others.
    drop(greedy);
    let hasty = v1::Hello {
        remaining_ms: Some(0),
        ..hello("hasty")
    };
    let hasty = Worker::join(siege.world.work(), hasty).await.expect("join");
    hasty.say(credit(u32::MAX)).await;
    siege.ends_well().await;
}

#[tokio::test]
async fn nobody_ends_the_leases_of_others() {
    let siege = Siege::begin().await;
    let tokens: Vec<Vec<u8>> = loop {
        let leases = siege.world.store.leases().expect("leases");
        if !leases.is_empty() {
            break leases.iter().map(|lease| lease.token.0.to_vec()).collect();
        }
        tokio::task::yield_now().await;
    };
    let held = tokens.iter().map(|token| token.clone().into()).collect();
    let thief = v1::Hello {
        held,
        ..hello("thief")
    };
    let mut thief = Worker::join(siege.world.work(), thief).await.expect("join");
    for token in tokens {
        let Ok(Some(Heard::Revoke(revoke))) = thief.hear().await else {
            panic!("what is another's is not the thief's");
        };
        assert_eq!(revoke.token, token);
        let token = || token.clone().into();
        thief
            .say(Say::HandBack(v1::HandBack { token: token() }))
            .await;
        thief
            .say(Say::Finished(v1::Finished { token: token() }))
            .await;
        let failed = v1::UnitFailed {
            token: token(),
            unit: Some(siege.unit(11).into()),
            ..Default::default()
        };
        thief.say(Say::UnitFailed(failed)).await;
    }
    let unknown = || vec![9; 16].into();
    thief
        .say(Say::Finished(v1::Finished { token: unknown() }))
        .await;
    siege.ends_well().await;
}

#[tokio::test]
async fn nobody_takes_the_place_of_another_by_its_name() {
    let siege = Siege::begin().await;
    let join = |proof: &[u8]| {
        let proof = proof.to_vec().into();
        let hello = v1::Hello {
            proof,
            ..hello("good")
        };
        Worker::join(siege.world.work(), hello)
    };
    for proof in [&[2; 16][..], &[]] {
        let status = refused(join(proof)).await;
        assert_eq!(status.code(), tonic::Code::AlreadyExists, "{status:?}");
    }
    for proof in [&[1; 15][..], &[1; 17]] {
        invalid("16 bytes, or none", join(proof)).await;
    }
    siege.ends_well().await;
}

#[tokio::test]
async fn beats_of_nobody_and_beats_that_never_come() {
    let siege = Siege::begin().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        let (beats, beating) = mpsc::channel::<v1::BeatRequest>(1);
        let answers = siege.world.work().beat(ReceiverStream::new(beating)).await;
        silent.push((beats, answers.expect("a stream")));
    }
    let beat = |tokens: Vec<Vec<u8>>| v1::BeatRequest {
        worker: "nobody".into(),
        tokens: tokens.into_iter().map(Into::into).collect(),
    };
    let answer = async |beat| {
        let answers = siege.world.work().beat(tokio_stream::once(beat)).await?;
        answers.into_inner().message().await
    };
    let revoked = answer(beat(vec![vec![9; 16]; 1000]))
        .await
        .expect("an answer");
    assert_eq!(revoked.expect("one").revoked.len(), 1000);
    invalid("lease token (16 bytes)", answer(beat(vec![vec![9; 17]]))).await;
    let too_many = vec![vec![]; (1 << 17) + 1];
    invalid("more than any worker can hold", answer(beat(too_many))).await;
    siege.ends_well().await;
}

#[tokio::test]
async fn a_worker_that_reads_nothing_is_cut_off() {
    let siege = Siege::begin().await;
    // Each unknown token is answered with a letter.
    let held = (0..100_000_u32).map(|number| {
        let mut token = [0; 16];
        token[..4].copy_from_slice(&number.to_le_bytes());
        token.to_vec().into()
    });
    let deaf = v1::Hello {
        held: held.collect(),
        ..hello("deaf")
    };
    let mut deaf = Worker::join(siege.world.work(), deaf).await.expect("join");
    let mut letters = 0;
    while let Ok(Some(_)) = deaf.hear().await {
        letters += 1;
    }
    assert!(letters < 100_000, "{letters}");
    siege.ends_well().await;
}
