//! `cpu_affinity`: `off`, `auto`, or rules `ROLE[INDEX]:CPUSET` separated by blanks.

use crate::model::{CpuAffinity, CpuRole, CpuRule, CpuSet};

/// Rules of one text.
const RULES_MAX: usize = 128;

/// CPU numbers are below this, see `CPU_SET(3)`.
const CPUS_MAX: u16 = 1024;

/// Reads the text. The error says what is wrong with it, to follow `can't parse cpu_affinity: `.
pub(crate) fn parse(text: &str) -> Result<CpuAffinity, String> {
    match text {
        "off" | "no" => return Ok(CpuAffinity::Off),
        "auto" | "yes" => return Ok(CpuAffinity::Auto),
        _ => {}
    }
    let mut rules: Vec<CpuRule> = Vec::new();
    for word in text.split([' ', '\t']).filter(|word| !word.is_empty()) {
        if rules.len() == RULES_MAX {
            return Err(format!("more than {RULES_MAX} rules"));
        }
        let rule = rule(word)?;
        if rules.iter().any(|known| known.role == rule.role && known.index == rule.index) {
            return Err(format!("rule '{word}' repeats a role and index"));
        }
        rules.push(rule);
    }
    if rules.is_empty() {
        return Err("no rule given".to_owned());
    }
    Ok(CpuAffinity::Rules(rules))
}

fn rule(word: &str) -> Result<CpuRule, String> {
    let (who, cpus) = word.split_once(':').ok_or_else(|| format!("expected ROLE:CPUSET in '{word}'"))?;
    let (role, index) = match who.split_once('[') {
        None => (who, None),
        Some((role, rest)) => {
            let digits = rest.strip_suffix(']').filter(|digits| is_number(digits));
            let index = digits.and_then(|digits| digits.parse().ok());
            (role, Some(index.ok_or_else(|| format!("bad index in '{word}'"))?))
        }
    };
    let role = match role {
        "worker" => CpuRole::Worker,
        "handshake" => CpuRole::Handshake,
        other => return Err(format!("unknown role '{other}'")),
    };
    let ranges: Option<Vec<(u16, u16)>> = cpus.split(',').map(range).collect();
    let ranges = ranges.ok_or_else(|| format!("bad CPU set '{cpus}'"))?;
    Ok(CpuRule { role, index, cpus: CpuSet(ranges) })
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (cpu(low)?, cpu(high)?);
    (low <= high).then_some((low, high))
}

fn cpu(text: &str) -> Option<u16> {
    let number = is_number(text).then(|| text.parse().ok())??;
    (number < CPUS_MAX).then_some(number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_words() {
        let worker = |index, ranges: &[(u16, u16)]| CpuRule {
            role: CpuRole::Worker,
            index,
            cpus: CpuSet(ranges.to_vec()),
        };
        assert_eq!(parse("off"), Ok(CpuAffinity::Off));
        assert_eq!(parse("yes"), Ok(CpuAffinity::Auto));
        let want = CpuAffinity::Rules(vec![worker(None, &[(0, 3), (8, 11)]), worker(Some(2), &[(5, 5)])]);
        assert_eq!(parse(" worker:0-3,8-11\tworker[2]:5 "), Ok(want));
    }

    #[test]
    fn refused() {
        let bad = ["", " ", "0xff", "worker", "worker:", "worker:3-1", "worker:1024", "worker[x]:1", "cat:1"];
        for text in bad.into_iter().chain(["worker:1 worker:2", "worker[1:1", "worker:+1", "worker:1,"]) {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
