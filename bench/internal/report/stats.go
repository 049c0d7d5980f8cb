package report

import (
	"maps"
	"slices"
)

// median returns the middle value, or the mean of the two in the middle; 0 if
// there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// medians returns the median of each metric over samples.
func medians(samples []Sample) Sample {
	return fold(samples, median)
}

// spreads returns how far apart the samples of each metric are: the largest
// less the smallest, as a share of the median.
func spreads(samples []Sample) Sample {
	return fold(samples, func(values []float64) float64 {
		middle := median(values)
		if middle == 0 {
			return 0
		}
		return (slices.Max(values) - slices.Min(values)) / middle
	})
}

// fold applies f to the values of each metric.
func fold(samples []Sample, f func([]float64) float64) Sample {
	byMetric := make(map[Metric][]float64)
	for _, sample := range samples {
		for metric, value := range sample {
			byMetric[metric] = append(byMetric[metric], value)
		}
	}
	folded := make(Sample, len(byMetric))
	for metric, values := range byMetric {
		folded[metric] = f(values)
	}
	return folded
}

// ratios returns the median over rounds of a's value to b's value in the same
// round: what slows the whole machine for a while cancels out. It leaves out
// metrics that either lacks, or that are 0.
func ratios(a, b []Sample) Sample {
	var rounds []Sample
	for i := range min(len(a), len(b)) {
		round := make(Sample)
		for metric := range maps.Keys(a[i]) {
			if of := b[i][metric]; of != 0 {
				round[metric] = a[i][metric] / of
			}
		}
		rounds = append(rounds, round)
	}
	return medians(rounds)
}
