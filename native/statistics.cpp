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
  const auto n = static_cast<double>(decoration.n_sites());
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

void Composition::write(const SpeciesTable& table, const Decoration& decoration, double* stoichiometry, double* sites,
                        double* electronic) {
  count_elements(table, decoration);
  write_stoichiometry(stoichiometry);
  for (std::size_t j = 0; j < table.n_properties; ++j) {
    site_statistics(table, decoration, j, sites + kSiteNumbers * j);
  }
  write_electronic(table, electronic);
}

}  // namespace seitz
