// The cells of all sites of one structure: geometry alone, to be decorated with any chemistry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "voronoi.hpp"

namespace seitz {

inline constexpr std::size_t kSitesPerTask = 256;
inline constexpr double kVolumeError = 1e-6;  // relative; exact cells reach 1e-12

// Faces of all sites in compressed rows, as plain pointers: those of site i are offsets[i] .. offsets[i + 1].
struct FaceView {
  std::size_t n_sites = 0;
  double volume = 0.0;
  const std::int64_t* offsets = nullptr;
  const std::int32_t* neighbours = nullptr;
  const Image* images = nullptr;  // needed for walks only
  const double* areas = nullptr;
  const double* distances = nullptr;
  const Vec3* directions = nullptr;  // unit vectors; needed for shapes only

  std::size_t begin(std::size_t site) const { return static_cast<std::size_t>(offsets[site]); }
  std::size_t n_faces(std::size_t site) const { return begin(site + 1) - begin(site); }
};

// The same with its memory.
struct FaceTable {
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> neighbours;
  std::vector<Image> images;
  std::vector<double> areas, distances;
  std::vector<Vec3> directions;  // empty unless asked for

  FaceView view(double volume) const {
    return {offsets.size() - 1, volume,       offsets.data(),   neighbours.data(),
            images.data(),      areas.data(), distances.data(), directions.data()};
  }
};

// In whose terms the translations of neighbours are: the input's, or those of the reduced lattice and wrapped atoms.
enum class Terms { input, reduced };

// Cells of all sites; fails where they do not fill the volume of the structure.
Status tessellate(const Packing& packing, std::size_t n_threads, Terms terms, FaceTable& faces,
                  bool directions = false);

}  // namespace seitz
