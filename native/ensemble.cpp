#include "ensemble.hpp"

#include <algorithm>
#include <cmath>

#include "parallel.hpp"

namespace seitz {

Ensemble::Ensemble(const FaceView& faces, const SpeciesTable& table, const std::int32_t* species, std::size_t n_samples,
                   std::size_t n_threads)
    : n_samples_(n_samples), n_sites_(faces.n_sites), width_(table.n_properties) {
  std::vector<double> weights(faces.begin(n_sites_)), geometry(n_sites_ * kGeometryColumns);
  for (std::size_t i = 0; i < n_sites_; ++i) {
    const std::size_t first = faces.begin(i);
    geometry_row(faces.areas + first, faces.distances + first, faces.n_faces(i), geometry.data() + i * kGeometryColumns,
                 weights.data() + first);
  }
  Moments moments;
  moments.compute(geometry.data(), nullptr, n_sites_, kGeometryColumns);
  write_geometry(moments, faces.volume, geometry_.data());

  std::vector<std::int64_t> number_of(table.n_species, -1);
  number_.resize(n_samples * n_sites_);
  for (std::size_t k = 0; k < number_.size(); ++k) {
    const auto s = static_cast<std::size_t>(species[k]);
    if (number_of[s] < 0) {
      number_of[s] = static_cast<std::int64_t>(species_.size());
      species_.push_back(s);
    }
    number_[k] = static_cast<std::uint32_t>(number_of[s]);
  }

  rows_.resize(n_samples * n_sites_ * width_);
  parallel_for(n_samples, n_threads, [&](std::size_t k, std::size_t) {
    Decoration decoration;
    decoration.assign(table, species + k * n_sites_, n_sites_);
    std::vector<double> share(decoration.n_species(), 0.0);
    for (std::size_t i = 0; i < n_sites_; ++i) {
      const std::size_t first = faces.begin(i);
      difference_row(table, decoration, i, faces.neighbours + first, weights.data() + first, faces.n_faces(i),
                     share.data(), rows_.data() + (k * n_sites_ + i) * width_);
    }
  });
}

Ensemble::Totals Ensemble::nothing() const {
  Totals totals;
  totals.sum.assign(width_, 0.0);
  totals.lowest.assign(width_, std::numeric_limits<double>::infinity());
  totals.highest.assign(width_, -std::numeric_limits<double>::infinity());
  totals.counts.assign(species_.size(), 0.0);
  return totals;
}

void Ensemble::add(std::size_t sample, Totals& totals) const {
  for (std::size_t i = sample * n_sites_; i < (sample + 1) * n_sites_; ++i) {
    totals.counts[number_[i]] += 1.0;
    const double* row = rows_.data() + i * width_;
    for (std::size_t c = 0; c < width_; ++c) {
      totals.sum[c] += row[c];
      totals.lowest[c] = row[c] < totals.lowest[c] ? row[c] : totals.lowest[c];
      totals.highest[c] = row[c] > totals.highest[c] ? row[c] : totals.highest[c];
    }
  }
  totals.n_rows += static_cast<double>(n_sites_);
}

// The block of the samples k < n_samples for which chosen(k), given their totals.
template <class Chosen>
void Ensemble::write(const SpeciesTable& table, const Totals& totals, Chosen&& chosen, double* out) const {
  const Block block(out, width_);
  std::copy(geometry_.begin(), geometry_.end(), block.geometry);
  std::vector<double> mean(width_), deviation(width_, 0.0);
  for (std::size_t c = 0; c < width_; ++c) mean[c] = totals.sum[c] / totals.n_rows;
  for (std::size_t k = 0; k < n_samples_; ++k) {
    if (!chosen(k)) continue;
    for (std::size_t i = k * n_sites_; i < (k + 1) * n_sites_; ++i) {
      const double* row = rows_.data() + i * width_;
      for (std::size_t c = 0; c < width_; ++c) deviation[c] += std::fabs(row[c] - mean[c]);
    }
  }
  for (std::size_t c = 0; c < width_; ++c) {
    double* five = block.differences + kDifferenceNumbers * c;
    five[0] = mean[c];
    five[1] = deviation[c] / totals.n_rows;
    five[2] = totals.lowest[c];
    five[3] = totals.highest[c];
    five[4] = totals.highest[c] - totals.lowest[c];
  }
  Decoration decoration;
  decoration.assign_counts(species_, totals.counts);
  Composition composition;
  composition.write(table, decoration, block);
  block.leave_out_sections();
}

void Ensemble::growing(const SpeciesTable& table, std::size_t first, std::size_t n_threads, double* blocks) const {
  std::vector<Totals> upto;
  Totals running = nothing();
  for (std::size_t k = 0; k < n_samples_; ++k) {
    add(k, running);
    if (k >= first) upto.push_back(running);
  }
  parallel_for(upto.size(), n_threads, [&](std::size_t row, std::size_t) {
    const std::size_t last = first + row;
    write(table, upto[row], [&](std::size_t k) { return k <= last; }, blocks + row * block_size(width_));
  });
}

void Ensemble::leaving_out(const SpeciesTable& table, std::size_t n_groups, std::size_t n_threads,
                           double* blocks) const {
  parallel_for(n_groups, n_threads, [&](std::size_t group, std::size_t) {
    const auto chosen = [&](std::size_t k) { return k % n_groups != group; };
    Totals totals = nothing();
    for (std::size_t k = 0; k < n_samples_; ++k) {
      if (chosen(k)) add(k, totals);
    }
    write(table, totals, chosen, blocks + group * block_size(width_));
  });
}

}  // namespace seitz
