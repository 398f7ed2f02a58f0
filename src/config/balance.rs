//! Which of several receivers is the first for a host, where a tier of them shares the hosts. Pure.
//!
//! Rendezvous hashing: each receiver gets a number from its name and that of the host, and the largest
//! comes first. So every host has an order of its own that stays the same as long as the names do; hosts
//! spread evenly; and where a receiver goes, only its own hosts move, each to the next in its order.

use xxhash_rust::xxh3::xxh3_64;

/// The places of `receivers` in the order of the host of that name. The numbers are those of XXH3, which
/// does not change between versions.
pub(super) fn order(host: &str, receivers: &[String]) -> Vec<usize> {
    // No name holds a NUL.
    let number = |receiver: &String| xxh3_64(format!("{host}\0{receiver}").as_bytes());
    let mut places: Vec<usize> = (0..receivers.len()).collect();
    places.sort_by_cached_key(|&place| std::cmp::Reverse((number(&receivers[place]), place)));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receivers(count: usize) -> Vec<String> {
        (1..=count).map(|i| format!("hub{i}.example.com:6514")).collect()
    }

    fn hosts() -> impl Iterator<Item = String> {
        (0..1000).map(|i| format!("web{i:04}"))
    }

    #[test]
    fn a_thousand_hosts_spread_evenly() {
        for count in [2, 3, 5, 8] {
            let all = receivers(count);
            let mut firsts = vec![0_usize; count];
            hosts().for_each(|host| firsts[order(&host, &all)[0]] += 1);
            let even = 1000 / count;
            // Five standard deviations of a fair draw.
            let bound = 5 * ((even * (count - 1) / count) as f64).sqrt() as usize;
            for first in firsts {
                assert!(first.abs_diff(even) <= bound, "{first} of {even} for {count}");
            }
        }
    }

    #[test]
    fn where_a_receiver_goes_only_its_own_hosts_move_and_each_to_its_next() {
        let all = receivers(5);
        let (mut moved, mut targets) = (0, [0; 5]);
        for host in hosts() {
            let before = order(&host, &all);
            let mut left = all.clone();
            let gone = left.remove(2);
            let after: Vec<_> = order(&host, &left).iter().map(|&i| left[i].clone()).collect();
            let expected: Vec<_> =
                before.iter().map(|&i| all[i].clone()).filter(|name| *name != gone).collect();
            assert_eq!(after, expected, "{host}");
            if before[0] == 2 {
                moved += 1;
                targets[before[1]] += 1;
            }
        }
        assert!((130..270).contains(&moved), "{moved}");
        assert!(targets[2] == 0 && targets.iter().filter(|&&count| count > 20).count() == 4);
    }

    #[test]
    fn the_order_does_not_depend_on_how_they_are_listed() {
        let all = receivers(4);
        let turned: Vec<_> = all.iter().rev().cloned().collect();
        for host in hosts().take(50) {
            let names = |all: &[String]| -> Vec<String> {
                order(&host, all).into_iter().map(|i| all[i].clone()).collect()
            };
            assert_eq!(names(&all), names(&turned));
        }
        // Other versions must come to the same.
        assert_eq!(order("web1", &all), [1, 3, 2, 0]);
    }
}
