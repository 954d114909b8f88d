// Whole batches: structures to feature blocks, one structure to its tessellation, one tessellation to many decorations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "statistics.hpp"
#include "voronoi.hpp"

namespace seitz {

// Structures one after the other in flat arrays.
struct StructureBatch {
  std::size_t n_structures = 0;
  const double* lattices = nullptr;       // (n_structures, 3, 3)
  const std::int64_t* offsets = nullptr;  // (n_structures + 1) first site of each
  const double* frac_coords = nullptr;    // (n_sites, 3)
  const std::int32_t* species = nullptr;  // (n_sites)
  const double* weights = nullptr;        // (n_sites) multiplicity, 0 to leave a site out; null: every site counts once
};

// (n_structures, block_size) feature blocks. A structure that fails leaves NaN and its status.
void featurize_batch(const StructureBatch& batch, const SpeciesTable& table, std::size_t n_threads, double* blocks,
                     Status* statuses);

// Faces of all sites in compressed rows: those of site i are offsets[i] .. offsets[i + 1].
struct FaceTable {
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> neighbours;
  std::vector<Image> images;  // in the input's lattice vectors and positions
  std::vector<double> areas, distances;
};

Status tessellate(const double* lattice, const double* frac_coords, std::size_t n_sites, std::size_t n_threads,
                  FaceTable& faces);

// A tessellation as plain pointers.
struct FaceView {
  std::size_t n_sites = 0;
  double volume = 0.0;
  const std::int64_t* offsets = nullptr;
  const std::int32_t* neighbours = nullptr;
  const double* areas = nullptr;
  const double* distances = nullptr;
};

// Rows of one decoration: (n_sites, kGeometryColumns + n_properties).
void environment_rows(const FaceView& faces, const SpeciesTable& table, const std::int32_t* species, double* rows);

// (n_decorations, block_size) feature blocks of many decorations (n_decorations, n_sites) of one tessellation.
void featurize_decorations(const FaceView& faces, const SpeciesTable& table, const std::int32_t* species,
                           std::size_t n_decorations, std::size_t n_threads, double* blocks);

}  // namespace seitz
