//! How a unit was computed, reported and stored.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bistable_common::{
    ids::{LeaseToken, UnitId},
    wire::v1,
};

use super::{Spans, Story};
use crate::{
    dispatch::{Registry, wall_clock},
    rpc::MAX_UNITS,
    store::Outcome,
};

/// A unit is not believed to have taken longer: spans of the distant past would be lost on whoever looks.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A unit that is followed, in a report that has just come in.
pub(crate) struct Followed {
    story: Story,
    unit: UnitId,
    /// Its place in the report.
    place: usize,
    lease: LeaseToken,
    worker: Arc<str>,
    /// When it was computed.
    computed: Range<SystemTime>,
}

impl Followed {
    /// Those that are followed of a report, which nobody has checked yet.
    pub fn of(
        spans: &Spans,
        registry: &Registry,
        request: &v1::ReportRequest,
        arrived: SystemTime,
    ) -> Vec<Self> {
        if !spans.are_told() {
            return Vec::new();
        }
        let worker: Arc<str> = request.worker.as_str().into();
        // One with more is refused.
        let units = request.units.iter().take(MAX_UNITS).enumerate();
        let followed = units.filter_map(|(place, report)| {
            let unit = UnitId::try_from(report.unit.clone()).ok()?;
            let story = spans.story(&*registry.get(unit.sweep)?)?;
            story.follows(unit.key).then_some(Self {
                story,
                unit,
                place,
                lease: LeaseToken::try_from(report.token.as_ref()).ok()?,
                worker: Arc::clone(&worker),
                computed: computed(arrived, report, request.sent_us),
            })
        });
        followed.collect()
    }

    /// The report was stored by a transaction, and this became of its units.
    pub fn stored(self, outcomes: &[Outcome], commit: &Range<SystemTime>) {
        let Some(outcome) = outcomes.get(self.place) else {
            return;
        };
        let now = wall_clock();
        let Self {
            story, computed, ..
        } = self;
        let unit = story
            .span("unit", story.lease(self.lease), computed.start..now)
            .of_unit(self.unit.key)
            .with("bistable.worker", &*self.worker)
            .with("bistable.outcome", outcome.name());
        let reported = computed.end;
        story.tell(story.span("compute", unit.id, computed));
        let report = story.span("report", unit.id, reported..now);
        story.tell(story.span("commit", report.id, commit.clone()));
        story.tell(report);
        story.tell(unit);
    }
}

/// When a unit was computed, by the clock here, if its report has `arrived` then. The worker's clock says how long ago that
/// was; workers of earlier builds do not say.
fn computed(arrived: SystemTime, report: &v1::UnitReport, sent_us: u64) -> Range<SystemTime> {
    let lay = match report.computed_us {
        0 => 0,
        computed_us => sent_us.saturating_sub(computed_us),
    };
    let before = |time: SystemTime, us| {
        let ago = Duration::from_micros(us).min(LONGEST);
        time.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH)
    };
    let ended = before(arrived, lay);
    before(ended, report.compute_us)..ended
}
