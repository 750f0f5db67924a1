//! What files hold, added up: each message once, whatever the order of the files.

use super::{
    Question, Spending, SpendingRow,
    file::{FileSpending, Message},
};
use crate::{
    Error,
    authors::Authors,
    interchange::{Inherited, prints::hash},
    pricing::PriceTable,
    usage::Summing,
};
use sessionlog_core::Usage;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
};

/// Stands for no row.
const NONE: u32 = u32::MAX;

type Name = (Option<String>, Option<String>);

pub(super) struct Adding<'q> {
    question: &'q Question,
    prices: &'q PriceTable,
    rows: BTreeMap<String, u32>,
    /// With the sessions that have messages there, by their ids.
    sums: Vec<(HashSet<u64>, Summing<'q>)>,
    models: Vec<Name>,
    /// Numbers of `models`.
    authors: Authors,
    sessions: HashSet<u64>,
    total: Summing<'q>,
    /// What is known of what the user said.
    seen: HashSet<u64>,
    /// The same of answers: which of `counted` it is, or [`NONE`].
    answers: HashMap<u64, u32>,
    counted: Vec<Counted>,
    /// Sessions whose words are known.
    done: HashSet<u64>,
    /// Forks, until the session that they were forked from is known, with their numbers in the order of the files.
    waiting: BTreeMap<u64, Vec<(usize, FileSpending)>>,
    spending: Spending,
}

/// What was counted of an answer: a copy may know more.
#[derive(Clone, Copy)]
struct Counted {
    row: u32,
    model: u32,
    /// The four counts, what is kept for an hour, and reasoning; [`NONE`] is unknown.
    tokens: [u32; 6],
    known: bool,
    told: bool,
}

impl Counted {
    /// `None` of more than can be kept: it cannot be counted anew.
    fn new(row: u32, model: u32, usage: Option<&Usage>, told: bool) -> Option<Self> {
        let of = usage.copied().unwrap_or_default();
        let counts = [
            Some(of.input_tokens),
            Some(of.output_tokens),
            Some(of.cache_read_tokens),
            Some(of.cache_write_tokens),
            of.cache_write_1h_tokens,
            of.reasoning_tokens,
        ];
        let fits = counts.iter().flatten().all(|count| *count < NONE.into());
        fits.then(|| Counted {
            row,
            model,
            tokens: counts.map(|count| count.and_then(|n| n.try_into().ok()).unwrap_or(NONE)),
            known: usage.is_some(),
            told,
        })
    }

    fn total(&self) -> Option<u64> {
        self.usage().map(|usage| usage.total_tokens())
    }

    fn usage(&self) -> Option<Usage> {
        let [input, output, read, write, long, reasoning] = self.tokens;
        let part = |n: u32| (n != NONE).then_some(n.into());
        self.known.then(|| Usage {
            input_tokens: input.into(),
            output_tokens: output.into(),
            cache_read_tokens: read.into(),
            cache_write_tokens: write.into(),
            cache_write_1h_tokens: part(long),
            reasoning_tokens: part(reasoning),
        })
    }
}

/// A message, as one file tells of it, among those of all files.
struct Keys {
    /// Its own: by the provider's names, where there are any.
    own: u64,
    /// What others may know it by.
    others: [Option<u64>; 2],
    /// What a fork says to be its parent's, for when that comes.
    claim: Option<u64>,
}

impl<'q> Adding<'q> {
    pub(super) fn new(question: &'q Question, prices: &'q PriceTable) -> Self {
        Adding {
            question,
            prices,
            rows: BTreeMap::new(),
            sums: Vec::new(),
            models: Vec::new(),
            authors: Authors::default(),
            sessions: HashSet::new(),
            total: Summing::new(prices),
            seen: HashSet::new(),
            answers: HashMap::new(),
            counted: Vec::new(),
            done: HashSet::new(),
            waiting: BTreeMap::new(),
            spending: Spending::default(),
        }
    }

    pub(super) fn file(&mut self, path: &Path, read: Result<FileSpending, Error>) {
        let mut file = match read {
            Ok(file) => file,
            Err(error) => {
                self.spending.failed.push((path.to_owned(), error));
                return;
            }
        };
        self.spending.files += 1;
        self.spending.missing.extend(file.missing.take());
        if file.damaged {
            self.spending.damaged.push(path.to_owned());
        }
        // What is a fork's own shows beside its parent.
        let lineage = file.lineage.as_ref();
        let parent =
            lineage.and_then(|lineage| lineage.parent.filter(|_| lineage.parent != lineage.own));
        match parent.filter(|parent| !self.done.contains(parent)) {
            Some(parent) => {
                let number = usize::try_from(self.spending.files).unwrap_or(usize::MAX);
                self.waiting.entry(parent).or_default().push((number, file));
            }
            None => self.with_forks(file),
        }
    }

    /// Takes a file in, and the forks that have waited for it.
    fn with_forks(&mut self, file: FileSpending) {
        let mut ready = vec![file];
        while let Some(file) = ready.pop() {
            let own = file.lineage.as_ref().and_then(|lineage| lineage.own);
            self.take(file);
            let forks = own.and_then(|own| self.waiting.remove(&own));
            // The first is popped first.
            ready.extend(forks.into_iter().flatten().rev().map(|(_, file)| file));
        }
    }

    fn take(&mut self, file: FileSpending) {
        let session = file.session;
        self.sessions.insert(session);
        let lineage = file.lineage.as_ref();
        let own = lineage.and_then(|lineage| lineage.own);
        let parent = lineage.and_then(|lineage| lineage.parent);
        let parent_known = parent.filter(|parent| self.done.contains(parent));
        let models: Vec<u32> = file.models.iter().map(|name| self.model(name)).collect();
        // What a fork begins with is its parent's as far as it says the same.
        let copied = match (lineage, parent_known) {
            (Some(lineage), Some(parent)) if lineage.leads => {
                let is_there = |message: &&Message| {
                    let key = hash((parent, message.print));
                    match message.answer {
                        None => self.seen.contains(&key),
                        Some(_) => self.answers.contains_key(&key),
                    }
                };
                file.messages.iter().take_while(is_there).count()
            }
            _ => 0,
        };
        // In a file a message may stand twice for reasons of its own; copies are in other files.
        let (mut said, mut answered) = (Vec::new(), Vec::new());
        for (at, message) in file.messages.iter().enumerate() {
            let leads = lineage.is_none_or(|lineage| lineage.leads);
            let claimed = |session: u64| hash(("claim", session, message.print));
            let in_session = |session: u64| hash((session, message.print));
            let keys = match (lineage, leads) {
                (None, _) => Keys {
                    own: message.response.unwrap_or(message.print),
                    others: [None; 2],
                    claim: None,
                },
                (Some(_), true) => Keys {
                    own: own.map_or(message.print, in_session),
                    others: [None; 2],
                    claim: None,
                },
                (Some(_), false) => Keys {
                    own: own.map_or(message.print, in_session),
                    others: [
                        own.map(claimed),
                        match parent_known {
                            Some(parent) => Some(in_session(parent)),
                            None => parent.map(claimed),
                        },
                    ],
                    claim: parent.map(claimed),
                },
            };
            let is_copied = match message.inherited {
                Inherited::No => at < copied,
                Inherited::Probably => at < copied || copied == 0,
                Inherited::Yes => true,
            };
            let is_known = !is_copied && self.is_known(message, &keys);
            let mut counted = None;
            if is_known {
                self.spending.duplicates += 1;
            } else if !is_copied {
                counted = self.count(&file, message, session, &models);
            }
            match message.answer {
                None => said.extend([keys.own].into_iter().chain(keys.claim)),
                Some(_) => {
                    answered.push((keys.own, counted));
                    answered.extend(keys.claim.map(|claim| (claim, None)));
                }
            }
        }
        self.seen.extend(said);
        for (key, counted) in answered {
            self.remember(key, counted);
        }
        self.done.extend(own);
    }

    /// Notes that an answer is known; of several of one file the one that used most is what copies are held against.
    fn remember(&mut self, key: u64, counted: Option<Counted>) {
        let known = self.answers.entry(key).or_insert(NONE);
        let Some(counted) = counted else { return };
        match self.counted.get_mut(*known as usize) {
            Some(before) if counted.total() > before.total() => *before = counted,
            Some(_) => {}
            None => {
                *known = self.counted.len() as u32;
                self.counted.push(counted);
            }
        }
    }

    /// Whether a message was counted in an earlier file; if this one knows more of what it used, that counts there.
    fn is_known(&mut self, message: &Message, keys: &Keys) -> bool {
        let mut all = [Some(keys.own)].into_iter().chain(keys.others).flatten();
        let Some(answer) = &message.answer else {
            return all.any(|key| self.seen.contains(&key));
        };
        let Some(known) = all.find_map(|key| self.answers.get(&key)) else {
            return false;
        };
        let Some(known) = self.counted.get_mut(*known as usize) else {
            return true;
        };
        let more = answer.usage.as_ref().filter(|usage| {
            let before = known.usage();
            before.is_none_or(|before| usage.total_tokens() > before.total_tokens())
        });
        if let Some(usage) = more {
            let (before, told) = (known.usage(), known.told);
            let cost = answer.cost.as_deref().copied();
            let (row, model) = (known.row, known.model);
            if let Some(more) = Counted::new(row, model, Some(usage), told || cost.is_some()) {
                *known = more;
                let (provider, model) = &self.models[model as usize];
                let named = (provider.as_deref(), model.as_deref());
                for sum in [&mut self.sums[row as usize].1, &mut self.total] {
                    sum.correct(named, before.as_ref(), usage, cost.filter(|_| !told), told);
                }
            }
        }
        true
    }

    fn count(
        &mut self,
        file: &FileSpending,
        message: &Message,
        session: u64,
        models: &[u32],
    ) -> Option<Counted> {
        if !self.question.asks(message) {
            return None;
        }
        let key = self.question.key(file, message);
        let row = match self.rows.get(&key) {
            Some(row) => *row,
            None => {
                let row = self.sums.len() as u32;
                self.sums.push((HashSet::new(), Summing::new(self.prices)));
                self.rows.insert(key, row);
                row
            }
        };
        let (sessions, sum) = &mut self.sums[row as usize];
        sessions.insert(session);
        let Some(answer) = &message.answer else {
            sum.turn();
            self.total.turn();
            return None;
        };
        let (provider, model) = &file.models[answer.model as usize];
        let usage = answer.usage.as_ref();
        let cost = answer.cost.as_deref().copied();
        for sum in [sum, &mut self.total] {
            sum.answer((provider.as_deref(), model.as_deref()), usage, cost);
        }
        let model = models[answer.model as usize];
        Counted::new(row, model, usage, cost.is_some())
    }

    fn model(&mut self, name: &Name) -> u32 {
        let (provider, model) = name;
        let (number, new) = self.authors.number((provider.as_deref(), model.as_deref()));
        if new {
            self.models.push(name.clone());
        }
        number
    }

    pub(super) fn finish(mut self) -> Spending {
        // Forks of sessions that are not among the files: those of which none of the rest is the parent's come first.
        while let Some(parent) = self.next_parent() {
            for (_, file) in self.waiting.remove(&parent).unwrap_or_default() {
                self.with_forks(file);
            }
        }
        if !self.spending.missing.is_empty() {
            self.total.tell_incomplete();
        }
        let mut rows = Vec::with_capacity(self.rows.len());
        let mut sums: Vec<_> = self.sums.into_iter().map(Some).collect();
        for (key, at) in self.rows {
            if let Some((sessions, sum)) = sums[at as usize].take() {
                rows.push(SpendingRow {
                    key,
                    sessions: sessions.len() as u64,
                    section: sum.finish(),
                });
            }
        }
        Spending {
            rows,
            total: self.total.finish(),
            sessions: self.sessions.len() as u64,
            ..self.spending
        }
    }

    /// The session that forks still wait for and that none of them is, of the first file; if there is none, any of the first.
    fn next_parent(&self) -> Option<u64> {
        let all = || self.waiting.values().flatten();
        let owns: HashSet<u64> = all()
            .filter_map(|(_, file)| file.lineage.as_ref()?.own)
            .collect();
        let first = |(_, files): &(&u64, &Vec<(usize, FileSpending)>)| {
            files.first().map(|(number, _)| *number)
        };
        let free = self
            .waiting
            .iter()
            .filter(|(parent, _)| !owns.contains(parent));
        let next = free
            .min_by_key(first)
            .or_else(|| self.waiting.iter().min_by_key(first));
        next.map(|(parent, _)| *parent)
    }
}
