// Whole batches of structures to feature blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "decorations.hpp"
#include "tessellation.hpp"

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
void featurize_batch(const StructureBatch& batch, const SpeciesTable& table, Walk walk, std::size_t n_threads,
                     double* blocks, Status* statuses);

}  // namespace seitz
