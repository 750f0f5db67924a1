//! Providers and models, numbered as they come: who said something is looked up once a message.

use std::collections::HashMap;

/// Who said something: provider and model, as far as they are named.
pub(crate) type Named<'a> = (Option<&'a str>, Option<&'a str>);

/// Stands for a name that is not given.
const UNNAMED: u32 = u32::MAX;

/// Numbers for pairs of provider and model, from 0 in the order in which they first came.
///
/// By hash, as a file may name another model in each line: a search through all of them would be quadratic.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Authors {
    /// Each name is held once, whatever it is paired with.
    names: HashMap<Box<str>, u32>,
    pairs: HashMap<(u32, u32), u32>,
}

impl Authors {
    /// The number of a pair, which is a new one if there was none, and whether it is.
    pub(crate) fn number(&mut self, (provider, model): Named<'_>) -> (u32, bool) {
        let pair = (self.name(provider), self.name(model));
        let next = self.pairs.len() as u32;
        let number = *self.pairs.entry(pair).or_insert(next);
        (number, number == next)
    }

    /// The number of a pair that came before.
    pub(crate) fn find(&self, (provider, model): Named<'_>) -> Option<u32> {
        let known = |name: Option<&str>| match name {
            None => Some(UNNAMED),
            Some(name) => self.names.get(name).copied(),
        };
        let pair = (known(provider)?, known(model)?);
        self.pairs.get(&pair).copied()
    }

    fn name(&mut self, name: Option<&str>) -> u32 {
        let Some(name) = name else { return UNNAMED };
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.insert(name.into(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_up_as_pairs_come() {
        let mut authors = Authors::default();
        let pairs = [
            (Some("p"), Some("a")),
            (None, Some("a")),
            (Some("p"), None),
            (None, None),
            // The same names the other way round are others.
            (Some("a"), Some("p")),
            (Some(""), Some("a")),
        ];
        for round in 0..2 {
            for (at, named) in pairs.iter().enumerate() {
                assert_eq!(authors.find(*named), (round > 0).then_some(at as u32));
                assert_eq!(authors.number(*named), (at as u32, round == 0));
            }
        }
        assert_eq!(authors.find((Some("p"), Some("b"))), None);
        assert_eq!(authors.find((Some("a"), Some("a"))), None);
    }
}
