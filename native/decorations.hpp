// One geometry, many chemistries: what does not depend on the species is computed once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "ionic.hpp"
#include "scale.hpp"
#include "statistics.hpp"
#include "walks.hpp"

namespace seitz {

// Parts of a block that are computed only where they are wanted.
struct Sections {
  Walk walk = Walk::none;
  bool scale = false;
  bool ionic = false;

  bool need_all_faces() const { return walk != Walk::none || scale || ionic; }
  bool need_directions() const { return scale || ionic; }
};

// Geometry rows, their statistics, face weights and walks of one tessellation.
class DecoratedGeometry {
 public:
  // `site_weights`: (n_sites) multiplicities, 0 to leave a site out of the statistics; null: every site counts once.
  // `packing`: of the same structure, outlives this; may be null where the ionic section is not wanted.
  DecoratedGeometry(const FaceView& faces, const Packing* packing, const double* site_weights, const Sections& sections,
                    std::size_t n_threads);

  // Finds all walks in advance: worth its memory where more than one decoration follows.
  void keep_walks(std::size_t n_threads);

  // Buffers of one decoration in the making.
  struct Workspace {
    Decoration decoration;
    WalkedDecoration walked;
    Moments moments;
    Composition composition;
    Ions ions;
    std::vector<double> rows;
    std::vector<std::vector<double>> shares;  // by thread
    std::vector<WalkFinder> finders;
    std::vector<Landings> landings;
  };

  // The block of one decoration (n_sites); threads share its sites.
  void decorate(const SpeciesTable& table, const std::int32_t* species, std::size_t n_threads, Workspace& work,
                double* block) const;

 private:
  void difference_rows(const SpeciesTable& table, std::size_t n_threads, Workspace& work) const;
  void scale_numbers(const Shapes& shapes, const SpeciesTable& table, Workspace& work, double* out) const;
  void walk_magnitudes(const SpeciesTable& table, std::size_t n_threads, Workspace& work, double* out) const;

  FaceView faces_;
  Walk walk_;
  std::optional<Shapes> shapes_;
  std::optional<Ewald> sums_;
  std::vector<std::size_t> sites_;          // those that count ...
  std::vector<double> site_weights_;        // ... and how often; empty: once each
  std::vector<double> weights_, surfaces_;  // per face, per site
  std::vector<Landings> walks_;
  std::array<double, kGeometryNumbers> geometry_{};
};

// Rows of one decoration: (n_sites, kGeometryColumns + n_properties).
void environment_rows(const FaceView& faces, const SpeciesTable& table, const std::int32_t* species, double* rows);

// (n_decorations, block_size) feature blocks of many decorations (n_decorations, n_sites) of one tessellation.
void featurize_decorations(const FaceView& faces, const Packing* packing, const Sections& sections,
                           const SpeciesTable& table, const std::int32_t* species, std::size_t n_decorations,
                           std::size_t n_threads, double* blocks);

}  // namespace seitz
