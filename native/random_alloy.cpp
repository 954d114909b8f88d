#include "random_alloy.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "parallel.hpp"

namespace seitz {
namespace {

constexpr double kNegligible = 1e-17;    // probability
constexpr std::size_t kFewValues = 128;  // up to so many stay exact
constexpr double kSameValue = 1e-13;     // relative
constexpr std::size_t kKindsPerPoll = 64;

// Differences of one property between a species and those around it, with their probabilities; ascending and merged.
Distribution step_distribution(const RandomLattice& lattice, const SpeciesTable& table, std::size_t property,
                               double own, std::size_t neighbour, double weight) {
  std::vector<std::pair<double, double>> pairs;
  for (std::size_t e = 0; e < lattice.n_species; ++e) {
    const double p = lattice.fractions[neighbour * lattice.n_species + e];
    if (!(p > 0.0)) continue;
    const double value = table.of(static_cast<std::size_t>(lattice.species[e]))[property];
    pairs.emplace_back(weight * std::fabs(own - value), p);
  }
  std::sort(pairs.begin(), pairs.end());
  Distribution found;
  for (const auto& [value, p] : pairs) {
    if (!found.values.empty() && found.values.back() == value) {
      found.probabilities.back() += p;
    } else {
      found.values.push_back(value);
      found.probabilities.push_back(p);
    }
  }
  return found;
}

double mean_of(const Distribution& d) {
  double mean = 0.0;
  for (std::size_t k = 0; k < d.values.size(); ++k) mean += d.values[k] * d.probabilities[k];
  return mean;
}

// The difference of one species on one sublattice: the faces in two halves, so that the last sum is never formed.
struct Environment {
  double probability;  // of this species on this sublattice, times the sublattice's share of the sites
  Distribution first, second;
  double lowest, highest, mean;
};

Environment environment(const RandomLattice& lattice, const SpeciesTable& table, std::size_t property, std::size_t g,
                        std::size_t e, Convolver& convolver) {
  Environment found{0.0, {{0.0}, {1.0}}, {{0.0}, {1.0}}, 0.0, 0.0, 0.0};
  const double own = table.of(static_cast<std::size_t>(lattice.species[e]))[property];
  const auto begin = static_cast<std::size_t>(lattice.offsets[g]),
             end = static_cast<std::size_t>(lattice.offsets[g + 1]);
  Distribution step;
  for (std::size_t k = begin; k < end; ++k) {
    if (k == begin || lattice.neighbours[k] != lattice.neighbours[k - 1] ||
        lattice.weights[k] != lattice.weights[k - 1]) {
      step = step_distribution(lattice, table, property, own, static_cast<std::size_t>(lattice.neighbours[k]),
                               lattice.weights[k]);
    }
    convolver.add(2 * (k - begin) < end - begin ? found.first : found.second, step);
    found.lowest += step.values.front();
    found.highest += step.values.back();
    found.mean += mean_of(step);
  }
  return found;
}

// Expected largest (and smallest) of n independent draws from the mixture of all environments: sums over the values x
// of x (F(x)^n - F(x-)^n), with values that fall into one bin replaced by their mean.
void expected_extremes(const std::vector<Environment>& environments, double n, double& lowest, double& highest) {
  constexpr std::size_t kGrid = 2048;
  const double from = lowest, width = (highest - lowest) / static_cast<double>(kGrid);
  if (!(width > 0.0)) return;
  std::vector<double> mass(kGrid + 1, 0.0), moment(kGrid + 1, 0.0);
  for (const Environment& env : environments) {
    for (std::size_t i = 0; i < env.first.values.size(); ++i) {
      for (std::size_t k = 0; k < env.second.values.size(); ++k) {
        const double value = env.first.values[i] + env.second.values[k];
        const double at = (value - from) / width + 0.5;  // bins around grid points: equal values stay together
        const auto bin = static_cast<std::size_t>(std::min(std::max(at, 0.0), static_cast<double>(kGrid)));
        const double p = env.probability * env.first.probabilities[i] * env.second.probabilities[k];
        mass[bin] += p;
        moment[bin] += p * value;
      }
    }
  }
  double total = 0.0;
  for (const double p : mass) total += p;
  double below = 0.0, before = 0.0, after = 1.0, largest = 0.0, smallest = 0.0;
  for (std::size_t bin = 0; bin <= kGrid; ++bin) {
    if (!(mass[bin] > 0.0)) continue;
    below = std::min(total, below + mass[bin]);
    const double value = moment[bin] / mass[bin];
    const double upto = std::pow(below / total, n), beyond = std::pow(1.0 - below / total, n);
    largest += value * (upto - before);
    smallest += value * (after - beyond);
    before = upto;
    after = beyond;
  }
  // What rounding of `below` has left at the end belongs to the last value.
  largest += highest * (1.0 - before);
  smallest += highest * after;
  lowest = smallest;
  highest = largest;
}

}  // namespace

// By merging shifted copies of the ascending sum; false where too many values result.
bool Convolver::add_exactly(Distribution& sum, const Distribution& term) {
  if (sum.values.size() > kFewValues) return false;
  merged_.clear();
  std::vector<std::pair<double, double>> shifted;
  for (std::size_t k = 0; k < term.values.size(); ++k) {
    shifted.clear();
    for (std::size_t i = 0; i < sum.values.size(); ++i) {
      shifted.emplace_back(sum.values[i] + term.values[k], sum.probabilities[i] * term.probabilities[k]);
    }
    buffer_.resize(merged_.size() + shifted.size());
    std::merge(merged_.begin(), merged_.end(), shifted.begin(), shifted.end(), buffer_.begin());
    merged_.swap(buffer_);
  }
  const double same = kSameValue * std::max(std::fabs(merged_.front().first), std::fabs(merged_.back().first));
  std::size_t n = 0;
  for (const auto& [value, p] : merged_) {
    if (n > 0 && value - merged_[n - 1].first <= same) {
      merged_[n - 1].second += p;
    } else {
      merged_[n++] = {value, p};
    }
  }
  if (n > kFewValues) return false;
  sum.values.clear();
  sum.probabilities.clear();
  for (std::size_t i = 0; i < n; ++i) {
    sum.values.push_back(merged_[i].first);
    sum.probabilities.push_back(merged_[i].second);
  }
  return true;
}

void Convolver::add(Distribution& sum, const Distribution& term) {
  if (add_exactly(sum, term)) return;
  const double low = sum.values.front() + term.values.front();
  const double width = (sum.values.back() + term.values.back() - low) / static_cast<double>(max_values_);
  const bool single = !(width > 0.0);
  const std::size_t n_bins = single ? 1 : max_values_ + 1;
  const double scale = single ? 0.0 : 1.0 / width;
  weight_.assign(n_bins, 0.0);
  moment_.assign(n_bins, 0.0);
  for (std::size_t k = 0; k < term.values.size(); ++k) {
    const double p = term.probabilities[k], shift = term.values[k];
    for (std::size_t i = 0; i < sum.values.size(); ++i) {
      const double value = sum.values[i] + shift, q = p * sum.probabilities[i];
      const auto bin = static_cast<std::size_t>((value - low) * scale);
      weight_[bin] += q;
      moment_[bin] += q * value;
    }
  }
  sum.values.clear();
  sum.probabilities.clear();
  for (std::size_t bin = 0; bin < n_bins; ++bin) {
    if (weight_[bin] <= kNegligible) continue;
    sum.values.push_back(moment_[bin] / weight_[bin]);
    sum.probabilities.push_back(weight_[bin]);
  }
}

double mean_deviation(const Distribution& a, const Distribution& b, double centre) {
  double total_weight = 0.0, total_moment = 0.0;
  for (std::size_t k = 0; k < b.values.size(); ++k) {
    total_weight += b.probabilities[k];
    total_moment += b.probabilities[k] * b.values[k];
  }
  // For ascending a, the values of b beyond centre - a reach ever further down.
  std::size_t split = b.values.size();
  double above_weight = 0.0, above_moment = 0.0, result = 0.0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double threshold = centre - a.values[i];
    while (split > 0 && b.values[split - 1] > threshold) {
      --split;
      above_weight += b.probabilities[split];
      above_moment += b.probabilities[split] * b.values[split];
    }
    const double above = above_moment - threshold * above_weight;
    const double below = threshold * (total_weight - above_weight) - (total_moment - above_moment);
    result += a.probabilities[i] * (above + below);
  }
  return result;
}

void random_differences(const RandomLattice& lattice, const SpeciesTable& table, double n_sites, std::size_t max_values,
                        std::size_t n_threads, const std::function<void()>& poll, double* differences) {
  double total = 0.0;
  for (std::size_t g = 0; g < lattice.n_sublattices; ++g) total += lattice.multiplicities[g];
  std::vector<std::pair<std::size_t, std::size_t>> kinds;  // sublattice and species
  std::vector<double> shares;
  for (std::size_t g = 0; g < lattice.n_sublattices; ++g) {
    for (std::size_t e = 0; e < lattice.n_species; ++e) {
      const double p = lattice.fractions[g * lattice.n_species + e];
      if (!(p > 0.0)) continue;
      kinds.emplace_back(g, e);
      shares.push_back(p * lattice.multiplicities[g] / total);
    }
  }
  std::atomic<bool> stopped{false};
  parallel_for(table.n_properties, n_threads, [&](std::size_t property, std::size_t worker) {
    Convolver convolver(max_values);
    std::vector<Environment> environments;
    environments.reserve(kinds.size());
    double mean = 0.0;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      if (stopped) return;
      if (worker == 0 && k % kKindsPerPoll == 0) {
        try {
          poll();
        } catch (...) {
          stopped = true;
          throw;
        }
      }
      environments.push_back(environment(lattice, table, property, kinds[k].first, kinds[k].second, convolver));
      environments.back().probability = shares[k];
      mean += shares[k] * environments.back().mean;
    }
    double deviation = 0.0, lowest = environments[0].lowest, highest = environments[0].highest;
    for (const Environment& env : environments) {
      deviation += env.probability * mean_deviation(env.first, env.second, mean);
      lowest = std::min(lowest, env.lowest);
      highest = std::max(highest, env.highest);
    }
    if (n_sites > 0.0) expected_extremes(environments, n_sites, lowest, highest);
    double* five = differences + kDifferenceNumbers * property;
    five[0] = mean;
    five[1] = deviation;
    five[2] = lowest;
    five[3] = highest;
    five[4] = highest - lowest;
  });
}

void composition_block(const SpeciesTable& table, const std::vector<std::size_t>& species,
                       const std::vector<double>& counts, const Block& block) {
  Decoration decoration;
  decoration.assign_counts(species, counts);
  Composition composition;
  composition.write(table, decoration, block);
}

}  // namespace seitz
