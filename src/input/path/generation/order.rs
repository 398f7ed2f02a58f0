//! Places of generations among those of their path. Pure.
//!
//! A place is a number that the checkpoint keeps, so that the next start finds the same order.
//! Rotated files may be found between two that are known: places leave room for that.

/// Places at the end are this far apart.
const SPACING: u64 = 1 << 32;

/// A place behind those of all sources with a lower number than `next_id`: the last place of a path
/// moves on by one where its sources have at least one more number.
pub(in crate::input) fn order_behind_all(next_id: u64) -> u64 {
    order_between(Some(next_id.saturating_mul(SPACING)), None)
}

/// The last place that may have been given before the one that [`order_behind_all`] gave.
pub(in crate::input) fn order_of_last_before(order: u64) -> u64 {
    order.saturating_sub(SPACING)
}

/// The place of a generation that comes after `previous` and before `next`, where there are such.
pub(in crate::input) fn order_between(previous: Option<u64>, next: Option<u64>) -> u64 {
    let previous = previous.unwrap_or(0);
    match next {
        Some(next) => previous + next.saturating_sub(previous).div_ceil(2),
        None => (previous / SPACING).saturating_add(1).saturating_mul(SPACING),
    }
}

/// The places of so many generations, each after the one before it.
pub(in crate::input) fn orders_between(
    previous: Option<u64>,
    next: Option<u64>,
    count: usize,
) -> Vec<u64> {
    let from = previous.unwrap_or(0);
    let count = count as u64;
    match next {
        Some(next) => {
            let step = next.saturating_sub(from) / (count + 1);
            (1..=count).map(|at| from + at * step.max(1)).collect()
        }
        None => {
            let first = order_between(previous, None);
            (0..count).map(|at| first.saturating_add(at.saturating_mul(SPACING))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_fit_between_others() {
        let a = order_between(None, None);
        let d = order_between(Some(a), None);
        let b = order_between(Some(a), Some(d));
        let c = order_between(Some(b), Some(d));
        let first = order_between(None, Some(a));
        assert!(0 < first && first < a && a < b && b < c && c < d);
        // Two at the end had two numbers.
        assert!(order_behind_all(0) <= a && d < order_behind_all(2));
        assert!(a <= order_of_last_before(order_behind_all(1)));
    }

    #[test]
    fn a_thousand_generations_fit_between_two_neighbours() {
        let a = order_between(None, None);
        let z = order_between(Some(a), None);
        let orders = orders_between(Some(a), Some(z), 1000);
        assert!(a < orders[0] && orders[999] < z && orders.is_sorted_by(|a, b| a < b));
        assert!(orders_between(Some(a), None, 3).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn thirty_can_be_found_one_after_the_other_before_the_same_neighbour() {
        let next = order_between(Some(order_between(None, None)), None);
        let mut previous = order_between(None, None);
        for _ in 0..30 {
            let order = order_between(Some(previous), Some(next));
            assert!(previous < order && order < next);
            previous = order;
        }
    }
}
