#include "statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace seitz {

void Moments::compute(const double* rows, const double* weights, std::size_t n, std::size_t width) {
  mean_.assign(width, 0.0);
  deviation_.assign(width, 0.0);
  min_.assign(rows, rows + width);
  max_.assign(rows, rows + width);
  weight_ = 0.0;
  double *mean = mean_.data(), *deviation = deviation_.data(), *lowest = min_.data(), *highest = max_.data();
  for (std::size_t i = 0; i < n; ++i) {
    const double w = weights ? weights[i] : 1.0;
    const double* row = rows + i * width;
    weight_ += w;
    for (std::size_t c = 0; c < width; ++c) {
      mean[c] += w * row[c];
      lowest[c] = row[c] < lowest[c] ? row[c] : lowest[c];
      highest[c] = row[c] > highest[c] ? row[c] : highest[c];
    }
  }
  for (std::size_t c = 0; c < width; ++c) mean[c] /= weight_;
  for (std::size_t i = 0; i < n; ++i) {
    const double w = weights ? weights[i] : 1.0;
    const double* row = rows + i * width;
    for (std::size_t c = 0; c < width; ++c) deviation[c] += w * std::fabs(row[c] - mean[c]);
  }
  for (std::size_t c = 0; c < width; ++c) deviation[c] /= weight_;
}

void write_geometry(const Moments& m, double volume, double* out) {
  std::size_t next = 0;
  const auto four = [&](std::size_t c) {
    out[next++] = m.mean(c);
    out[next++] = m.deviation(c);
    out[next++] = m.min(c);
    out[next++] = m.max(c);
  };
  four(kCoordination);
  const double length = m.mean(kBondLength);
  out[next++] = m.deviation(kBondLength) / length;
  out[next++] = m.min(kBondLength) / length;
  out[next++] = m.max(kBondLength) / length;
  four(kBondVariation);
  out[next++] = m.deviation(kCellVolume) / m.mean(kCellVolume);
  out[next++] = m.mean(kInscribed) * m.weight() / volume;
}

void write_differences(const Moments& m, std::size_t first_column, std::size_t n_properties, double* out) {
  for (std::size_t j = 0; j < n_properties; ++j) {
    const std::size_t c = first_column + j;
    double* five = out + kDifferenceNumbers * j;
    five[0] = m.mean(c);
    five[1] = m.deviation(c);
    five[2] = m.min(c);
    five[3] = m.max(c);
    five[4] = m.max(c) - m.min(c);
  }
}

void Composition::count_elements(const SpeciesTable& table, const Decoration& decoration) {
  elements_.clear();
  amounts_.clear();
  total_ = 0.0;
  for (std::size_t local = 0; local < decoration.n_species(); ++local) {
    const std::size_t species = decoration.species(local);
    for (std::int64_t k = table.offsets[species]; k < table.offsets[species + 1]; ++k) {
      const double amount = table.amounts[k] * decoration.count(local);
      const auto known = std::find(elements_.begin(), elements_.end(), table.elements[k]);
      if (known == elements_.end()) {
        elements_.push_back(table.elements[k]);
        amounts_.push_back(amount);
      } else {
        amounts_[static_cast<std::size_t>(known - elements_.begin())] += amount;
      }
      total_ += amount;
    }
  }
}

void Composition::site_statistics(const SpeciesTable& table, const Decoration& decoration, std::size_t property,
                                  double* out) const {
  const double n = decoration.n_sites();
  double mean = 0.0, deviation = 0.0;
  double lowest = table.of(decoration.species(0))[property], highest = lowest;
  for (std::size_t local = 0; local < decoration.n_species(); ++local) {
    const double value = table.of(decoration.species(local))[property];
    mean += decoration.count(local) * value;
    lowest = std::min(lowest, value);
    highest = std::max(highest, value);
  }
  mean /= n;
  for (std::size_t local = 0; local < decoration.n_species(); ++local) {
    deviation += decoration.count(local) * std::fabs(table.of(decoration.species(local))[property] - mean);
  }
  // "most": the most frequent element's value, the mean over elements that tie.
  const double most = *std::max_element(amounts_.begin(), amounts_.end()) * (1.0 - 1e-9);
  double most_sum = 0.0, most_count = 0.0;
  for (std::size_t e = 0; e < elements_.size(); ++e) {
    if (amounts_[e] >= most) {
      most_sum += table.of(static_cast<std::size_t>(elements_[e]))[property];
      most_count += 1.0;
    }
  }
  out[0] = mean;
  out[1] = highest - lowest;
  out[2] = deviation / n;
  out[3] = highest;
  out[4] = lowest;
  out[5] = most_sum / most_count;
}

void Composition::write_stoichiometry(double* out) const {
  std::array<double, 5> sums{};
  for (const double amount : amounts_) {
    const double x = amount / total_, x2 = x * x, x5 = x2 * x2 * x;
    const std::array<double, 5> powers{x2, x2 * x, x5, x5 * x2, x5 * x5};
    for (std::size_t q = 0; q < 5; ++q) sums[q] += powers[q];
  }
  out[0] = static_cast<double>(elements_.size());
  out[1] = std::sqrt(sums[0]);
  out[2] = std::cbrt(sums[1]);
  out[3] = std::pow(sums[2], 1.0 / 5.0);
  out[4] = std::pow(sums[3], 1.0 / 7.0);
  out[5] = std::pow(sums[4], 1.0 / 10.0);
}

void Composition::write_electronic(const SpeciesTable& table, double* out) const {
  std::array<double, 4> valence{};
  double ionic_max = 0.0, ionic_mean = 0.0;
  for (std::size_t e = 0; e < elements_.size(); ++e) {
    const double x = amounts_[e] / total_;
    for (std::size_t l = 0; l < 4; ++l) {
      valence[l] += x * table.of(static_cast<std::size_t>(elements_[e]))[table.valence[l]];
    }
    for (std::size_t f = 0; f < e; ++f) {
      const double gap = table.ionic_negativity[elements_[e]] - table.ionic_negativity[elements_[f]];
      if (std::isnan(gap)) continue;  // an unknown electronegativity contributes nothing
      const double character = 1.0 - std::exp(-0.25 * gap * gap);
      ionic_max = std::max(ionic_max, character);
      ionic_mean += 2.0 * x * (amounts_[f] / total_) * character;
    }
  }
  const double electrons = valence[0] + valence[1] + valence[2] + valence[3];
  for (std::size_t l = 0; l < 4; ++l) out[l] = electrons > 0.0 ? valence[l] / electrons : 0.0;
  out[4] = ionic_max;
  out[5] = ionic_mean;
}

void Composition::write(const SpeciesTable& table, const Decoration& decoration, const Block& block) {
  count_elements(table, decoration);
  write_stoichiometry(block.stoichiometry);
  for (std::size_t j = 0; j < table.n_properties; ++j) {
    site_statistics(table, decoration, j, block.sites + kSiteNumbers * j);
  }
  write_electronic(table, block.electronic);
  std::fill(block.fractions, block.fractions + kElements, 0.0);
  for (std::size_t e = 0; e < elements_.size(); ++e) {
    if (elements_[e] > 0) block.fractions[elements_[e] - 1] = amounts_[e] / total_;
  }
}

// A subset sum. Every atom starts at the lowest state of its element; what they then lack to neutrality is made up of
// steps to higher states, element after element: charged_[q] is the smallest number of atoms of the current element
// that must take a step to add up to q, 0 where the elements before suffice, -1 where q is out of reach.
void Composition::write_ionic_formation(const SpeciesTable& table, const Block& block) {
  double& answer = *block.ionic_formation = 0.0;
  double lowest = 0.0, highest = 0.0;
  bool whole = true;
  for (std::size_t e = 0; e < elements_.size(); ++e) {
    const auto z = static_cast<std::size_t>(elements_[e]);
    const std::int32_t *first = table.states + table.state_offsets[z],
                       *last = table.states + table.state_offsets[z + 1];
    if (first == last) return;  // an element without any known state
    lowest += amounts_[e] * *first;
    highest += amounts_[e] * *(last - 1);
    whole = whole && amounts_[e] == std::round(amounts_[e]);
  }
  if (lowest > 0.0 || highest < 0.0) return;
  if (!whole) {  // shared sites stand for a large cell: there any total between the extremes can be had
    answer = 1.0;
    return;
  }
  // Counted from whichever end is nearer to zero.
  const bool upwards = -lowest <= highest;
  const auto target = static_cast<std::size_t>(upwards ? -lowest : highest);
  charged_.assign(target + 1, -1);
  charged_[0] = 0;
  for (std::size_t e = 0; e < elements_.size(); ++e) {
    const auto z = static_cast<std::size_t>(elements_[e]);
    const std::int32_t *first = table.states + table.state_offsets[z],
                       *last = table.states + table.state_offsets[z + 1];
    const auto limit = static_cast<std::int64_t>(amounts_[e]);
    for (std::size_t q = 0; q <= target; ++q) {
      if (charged_[q] >= 0) {
        charged_[q] = 0;
        continue;
      }
      std::int64_t fewest = limit + 1;
      for (const std::int32_t* state = first; state < last; ++state) {
        const auto step = static_cast<std::size_t>(upwards ? *state - *first : *(last - 1) - *state);
        if (step > 0 && step <= q && charged_[q - step] >= 0) fewest = std::min(fewest, charged_[q - step] + 1);
      }
      if (fewest <= limit) charged_[q] = fewest;
    }
  }
  answer = charged_[target] >= 0 ? 1.0 : 0.0;
}

}  // namespace seitz
