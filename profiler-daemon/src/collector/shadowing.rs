//! Attaching candidates, and telling what they would refuse.
//!
//! The kernel knows of no shadow: it tells of a call's first occurrence, and once more when it is
//! asked to. Only calls that a candidate would refuse are asked for again, so that all others cost
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Collector,
    command::shadows::{Attached, NewShadow, ShadowCommand},
    reference,
    shadow::{Attachment, Foreseen, MOST, Target},
    workloads::named,
};
use crate::{
    api::protocol::{
        ErrorBody, Event,
        shadows::{Origin, ShadowState, ShadowedCall, ShadowedContainer},
    },
    audit::shadow::Forecast,
    profile::{
        arguments::Values,
        call::{Call, CallSet},
        identity::Identity,
        observation::Sighting,
        table,
    },
};

/// Bytes of a name.
const LONGEST_NAME: usize = 200;
/// Calls that a line in the log names.
const LOGGED_NAMES: usize = 12;

fn bad(message: String) -> ErrorBody {
    ErrorBody {
        code: "bad_request".into(),
        message,
    }
}

impl Collector {
    pub(super) fn answer_shadow(&mut self, command: ShadowCommand) {
        match command {
            ShadowCommand::Attach { new, reply } => {
                let _ = reply.send(self.attach(new));
            }
            ShadowCommand::List { reply } => {
                let names = self.shadows.attached.keys();
                let list = names.filter_map(|name| self.shadow_state(name)).collect();
                let _ = reply.send(list);
            }
            ShadowCommand::Show { name, reply } => {
                let state = self.shadow_state(&name).ok_or_else(|| unknown(&name));
                let _ = reply.send(state);
            }
            ShadowCommand::Detach { name, reply } => {
                let _ = reply.send(self.detach_asked(&name));
            }
        }
    }

    /// Attaches a candidate. What its containers made so far is in the answer, and is not told as news.
    pub(super) fn attach(&mut self, new: NewShadow) -> Result<Attached, ErrorBody> {
        let NewShadow {
            name,
            target,
            profile,
            shadow,
            origin,
            lease,
        } = new;
        for (what, text) in [
            ("name", name.as_deref()),
            ("profile", Some(profile.as_str())),
        ] {
            if text.is_some_and(|text| text.is_empty() || text.len() > LONGEST_NAME) {
                return Err(bad(format!(
                    "the {what} of a shadow has 1 to {LONGEST_NAME} bytes"
                )));
            }
        }
        let name = name.unwrap_or_else(|| self.shadows.next_name());
        let replaced = self.shadows.attached.get(&name);
        if replaced.is_some_and(|old| old.origin != origin) {
            return Err(bad(format!(
                "the shadow {name:?} was not attached by a PUT, which so cannot replace it: \
                 choose another name"
            )));
        }
        if replaced.is_none() && self.shadows.attached.len() >= MOST {
            return Err(bad(format!(
                "{MOST} shadows are attached already: detach one first; GET /v1/shadows lists them"
            )));
        }
        let target = match target.strip_prefix("image:") {
            Some("") => return Err(bad("image: is followed by an image's reference".into())),
            Some(image) => Target::Image(named(image)?),
            None => Target::Container(reference::resolve(&self.containers, &target)?),
        };
        let events = self.events.subscribe();
        let attachment = Attachment {
            target,
            profile,
            origin,
            attached_ms: self.places.now_ms(),
            shadow,
            lease,
            containers: BTreeMap::new(),
        };
        tracing::info!(
            shadow = name,
            target = %attachment.target,
            profile = attachment.profile,
            "a candidate was attached"
        );
        self.shadows.attached.insert(name.clone(), attachment);
        let ids: Vec<String> = self.containers.keys().cloned().collect();
        for id in ids {
            self.cover_by(&name, &id, false);
        }
        self.tell_of_shadow(&name, "attached");
        let state = self.shadow_state(&name).ok_or_else(|| unknown(&name))?;
        Ok(Attached { state, events })
    }

    fn detach_asked(&mut self, name: &str) -> Result<ShadowState, ErrorBody> {
        let state = self.shadow_state(name).ok_or_else(|| unknown(name))?;
        if state.origin == Origin::Config {
            return Err(bad(format!(
                "the shadow {name:?} comes from the configuration file: take it out there, and \
                 restart profilerd"
            )));
        }
        self.detach(name);
        Ok(state)
    }

    fn detach(&mut self, name: &str) {
        self.tell_of_shadow(name, "detached");
        self.shadows.attached.remove(name);
        tracing::info!(shadow = name, "a candidate was detached");
    }

    fn tell_of_shadow(&self, name: &str, change: &str) {
        let Some(one) = self.shadows.attached.get(name) else {
            return;
        };
        let _ = self.events.send(Event::Shadow {
            at_ms: self.places.now_ms(),
            shadow: name.to_owned(),
            target: one.target.to_string(),
            profile: one.profile.clone(),
            change: change.into(),
            calls: one
                .containers
                .values()
                .flat_map(BTreeMap::keys)
                .collect::<BTreeSet<_>>()
                .len() as u64,
        });
    }

    /// A container came, or its workload became known.
    pub(super) fn cover(&mut self, id: &str) {
        let names: Vec<String> = self.shadows.attached.keys().cloned().collect();
        for name in names {
            self.cover_by(&name, id, true);
        }
    }

    /// Ends what compares a container with the candidate of an image that it turns out not to be of.
    pub(super) fn uncover(&mut self, id: &str) {
        let Some(container) = self.containers.get(id) else {
            return;
        };
        for one in self.shadows.attached.values_mut() {
            if let Target::Image(image) = &one.target
                && !image.is_of(&container.identity)
            {
                one.containers.remove(id);
            }
        }
    }

    /// Compares a container with a candidate from now on, if it is one of its own: first what it
    /// made already. Of an image, only containers that run: the others can make nothing any more.
    fn cover_by(&mut self, name: &str, id: &str, tell: bool) {
        let (Some(one), Some(container)) =
            (self.shadows.attached.get(name), self.containers.get(id))
        else {
            return;
        };
        let identity = &container.identity;
        let meant = match &one.target {
            Target::Container(wanted) => wanted == id,
            Target::Image(image) => {
                image.is_of(identity) && (identity.running || !container.cgroups.is_empty())
            }
        };
        if !meant || one.containers.contains_key(id) {
            return;
        }
        let (profile, attached_ms) = (one.profile.clone(), one.attached_ms);
        let seen = self.observed(id).unwrap_or_default();
        let Some(one) = self.shadows.attached.get_mut(name) else {
            return;
        };
        let Some(identity) = self.containers.get(id).map(|known| &known.identity) else {
            return;
        };
        let now = self.places.now_ms();
        let mut calls = BTreeMap::new();
        for call in &seen.observed {
            let known = seen.arguments.of(*call);
            let Some(forecast) = one.shadow.forecast_of(*call, known) else {
                continue;
            };
            let first = seen.sightings.get(call).cloned();
            let earlier = first.as_ref().is_none_or(|first| first.at_ms < attached_ms);
            let mut foreseen = Foreseen::made_already(forecast, earlier, first);
            if tell && foreseen.made(now) {
                let telling = Telling {
                    at_ms: now,
                    identity,
                    shadow: name,
                    profile: &profile,
                    values: None,
                };
                let _ = self.events.send(telling.of(
                    *call,
                    &foreseen,
                    forecast,
                    foreseen.first.clone(),
                ));
            }
            calls.insert(*call, foreseen);
        }
        let names: Vec<String> = calls
            .keys()
            .map(|call| table::display_name(*call))
            .collect();
        let again = one.shadow.certain(&seen.observed);
        one.containers.insert(id.to_owned(), calls);
        if !names.is_empty() {
            let shown = names.len().min(LOGGED_NAMES);
            tracing::warn!(
                container = self.name(id),
                shadow = name,
                profile,
                calls = names.len(),
                "the candidate would refuse what the container made so far: {}{}",
                names.get(..shown).unwrap_or_default().join(", "),
                if names.len() > shown { ", …" } else { "" }
            );
        }
        self.ask_again(id, &again);
    }

    /// A call was made, for the first time or told of again; or with `values` of its arguments that
    /// it had not had.
    pub(super) fn foresee(
        &mut self,
        id: &str,
        call: Call,
        sighting: &Sighting,
        values: Option<&Values>,
    ) {
        let now = self.places.now_ms();
        let Some(identity) = self.containers.get(id).map(|known| &known.identity) else {
            return;
        };
        // The news of its values follows, and decides.
        let follows = values.is_none() && !self.source.recorded_places(call).is_empty();
        for (name, one) in &mut self.shadows.attached {
            let forecast = one.shadow.forecast(call).and_then(|usual| match values {
                // Told already, when the call was.
                Some(_) if usual.certain => None,
                Some(_) => one.shadow.forecast_of(call, values),
                None => Some(usual).filter(|usual| usual.certain || !follows),
            });
            let (Some(forecast), Some(calls)) = (forecast, one.containers.get_mut(id)) else {
                continue;
            };
            let mut new = false;
            let foreseen = calls.entry(call).or_insert_with(|| {
                new = true;
                Foreseen::made_already(forecast, false, Some(sighting.clone()))
            });
            foreseen.sharpen(forecast);
            if values.is_some() {
                foreseen.told(now);
            } else if !foreseen.made(now) {
                continue;
            }
            if new {
                tracing::warn!(
                    container = identity.display_name(),
                    shadow = name,
                    profile = one.profile,
                    call = table::display_name(call),
                    abi = call.abi.name(),
                    answer = %forecast.answer,
                    by = sighting.exe.as_deref().unwrap_or(&sighting.comm),
                    "the candidate {} refuse a call that the container made",
                    if forecast.certain { "would" } else { "may" }
                );
            }
            let telling = Telling {
                at_ms: now,
                identity,
                shadow: name,
                profile: &one.profile,
                values,
            };
            let _ = self
                .events
                .send(telling.of(call, foreseen, forecast, Some(sighting.clone())));
        }
    }

    /// Once a second while there are shadows: the kernel is asked again for what it told of, and
    /// shadows whose holder has gone end.
    pub(super) fn tend_shadows(&mut self) {
        for name in self.shadows.over() {
            self.detach(&name);
        }
        let containers = &self.containers;
        for one in self.shadows.attached.values_mut() {
            one.containers.retain(|id, _| containers.contains_key(id));
        }
        for (id, calls) in self.shadows.due(self.places.now_ms()) {
            self.ask_again(&id, &calls);
        }
    }

    fn ask_again(&mut self, id: &str, calls: &CallSet) {
        let (Some(container), false) = (self.containers.get(id), calls.is_empty()) else {
            return;
        };
        let now = self.places.now_ms();
        for cgroup in &container.cgroups {
            self.shadows.note_asked(*cgroup, calls, now);
            if let Err(error) = self.source.tell_again(*cgroup, calls) {
                tracing::error!(cgroup, %error, "calls cannot be asked for again");
            }
        }
    }

    fn shadow_state(&self, name: &str) -> Option<ShadowState> {
        let one = self.shadows.attached.get(name)?;
        let mut containers: Vec<ShadowedContainer> = one
            .containers
            .iter()
            .filter_map(|(id, calls)| {
                let identity = &self.containers.get(id)?.identity;
                let told = identity.running || !calls.is_empty();
                told.then(|| ShadowedContainer {
                    id: id.clone(),
                    name: identity.display_name().to_owned(),
                    running: identity.running,
                    calls: calls
                        .iter()
                        .map(|(call, one)| shadowed(*call, one))
                        .collect(),
                })
            })
            .collect();
        containers.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Some(ShadowState {
            name: name.to_owned(),
            target: one.target.to_string(),
            profile: one.profile.clone(),
            origin: one.origin,
            attached_ms: one.attached_ms,
            containers,
        })
    }
}

/// Whom an event is about, and which shadow.
struct Telling<'a> {
    at_ms: u64,
    identity: &'a Identity,
    shadow: &'a str,
    profile: &'a str,
    /// The values that decided, where they did.
    values: Option<&'a Values>,
}

impl Telling<'_> {
    fn of(
        &self,
        call: Call,
        foreseen: &Foreseen,
        forecast: Forecast,
        seen: Option<Sighting>,
    ) -> Event {
        Event::WouldRefuse {
            at_ms: self.at_ms,
            id: self.identity.id.clone(),
            name: self.identity.display_name().to_owned(),
            shadow: self.shadow.to_owned(),
            profile: self.profile.to_owned(),
            abi: call.abi.name().into(),
            call: table::display_name(call),
            answer: forecast.answer.to_string(),
            certain: forecast.certain,
            with: self.values.cloned(),
            earlier: foreseen.earlier && seen.as_ref() == foreseen.first.as_ref(),
            seen,
        }
    }
}

fn unknown(name: &str) -> ErrorBody {
    ErrorBody {
        code: "not_found".into(),
        message: format!(
            "no shadow is called {name:?}: GET /v1/shadows lists those that are attached"
        ),
    }
}

fn shadowed(call: Call, one: &Foreseen) -> ShadowedCall {
    ShadowedCall {
        abi: call.abi.name().into(),
        nr: call.nr,
        name: table::display_name(call),
        answer: one.forecast.answer.to_string(),
        certain: one.forecast.certain,
        earlier: one.earlier,
        first: one.first.clone(),
        last_ms: one.told_ms,
        reports: one.reports,
    }
}
