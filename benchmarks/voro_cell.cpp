// CPU time of Voro++'s single-cell class on the structures of a text file, with a candidate search as good as ours:
// exact image ranges for small cells, bins for large ones, candidates sorted by distance, a growing shell, and the end
// where the next candidate is farther than twice the farthest vertex. The preparation of candidates is timed.
//
//   g++ -O3 -I/usr/include voro_cell.cpp -lvoro++ -o voro_cell && ./voro_cell structures.txt SECONDS
//
// Input, per structure: name (no blanks), number of sites, nine lattice components (rows, a reduced basis), then three
// fractional coordinates per site. Output, per structure: name, ns per site for cells alone (best, median), for cells
// with neighbours and face areas (best, median), and the volume of every cell.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "voro++/voro++.hh"

namespace {

struct Vec3 {
  double x, y, z;
};
Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
Vec3 operator*(double s, Vec3 a) { return {s * a.x, s * a.y, s * a.z}; }
double dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
Vec3 cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }

struct Candidate {
  double distance2;
  Vec3 to;
  int site;
};

struct Structure {
  std::string name;
  Vec3 basis[3];
  std::vector<Vec3> fractional;  // inside [0, 1)
};

class Packing {
 public:
  explicit Packing(const Structure& s) : basis_{s.basis[0], s.basis[1], s.basis[2]}, fractional_(s.fractional) {
    const double volume = std::fabs(dot(basis_[0], cross(basis_[1], basis_[2])));
    for (int c = 0; c < 3; ++c) {
      const Vec3 area = cross(basis_[(c + 1) % 3], basis_[(c + 2) % 3]);
      height_[c] = volume / std::sqrt(dot(area, area));
    }
    spacing_ = std::cbrt(volume / static_cast<double>(fractional_.size()));
    for (const Vec3& b : basis_) extent2_ += dot(b, b);
    if (fractional_.size() > 128) fill_bins();
  }
  double spacing() const { return spacing_; }
  double half_extent() const { return 0.5 * std::sqrt(extent2_) * (1.0 + 1e-9); }  // no vertex lies farther out

  void gather(int site, double inner, double outer, std::vector<Candidate>& found) const {
    found.clear();
    if (bins_.empty()) {
      for (int j = 0; j < static_cast<int>(fractional_.size()); ++j) add_images(site, j, inner, outer, found);
    } else {
      add_bins(site, inner, outer, found);
    }
    std::sort(found.begin(), found.end(),
              [](const Candidate& a, const Candidate& b) { return a.distance2 < b.distance2; });
  }

 private:
  void add(Vec3 to, int site, double inner2, double outer2, std::vector<Candidate>& found) const {
    const double d2 = dot(to, to);
    if (d2 <= outer2 && d2 > inner2) found.push_back({d2, to, site});
  }

  void add_images(int site, int j, double inner, double outer, std::vector<Candidate>& found) const {
    const Vec3 f = fractional_[j] - fractional_[site];
    const double g[3] = {f.x, f.y, f.z};
    int low[3], high[3];
    for (int c = 0; c < 3; ++c) {
      low[c] = static_cast<int>(std::ceil(-outer / height_[c] - g[c]));
      high[c] = static_cast<int>(std::floor(outer / height_[c] - g[c]));
    }
    const double inner2 = inner > 0.0 ? inner * inner : 0.0, outer2 = outer * outer;
    for (int a = low[0]; a <= high[0]; ++a) {
      const Vec3 along0 = (g[0] + a) * basis_[0];
      for (int b = low[1]; b <= high[1]; ++b) {
        const Vec3 along1 = along0 + (g[1] + b) * basis_[1];
        for (int c = low[2]; c <= high[2]; ++c) add(along1 + (g[2] + c) * basis_[2], j, inner2, outer2, found);
      }
    }
  }

  void fill_bins() {
    int total = 1;
    for (int c = 0; c < 3; ++c) {
      n_bins_[c] = std::max(1, static_cast<int>(height_[c] / (1.2 * spacing_)));
      total *= n_bins_[c];
    }
    bins_.resize(total);
    for (int j = 0; j < static_cast<int>(fractional_.size()); ++j) {
      const Vec3& f = fractional_[j];
      const Vec3 position = f.x * basis_[0] + f.y * basis_[1] + f.z * basis_[2];
      const int u = bin(f.x, 0), v = bin(f.y, 1), w = bin(f.z, 2);
      bins_[(u * n_bins_[1] + v) * n_bins_[2] + w].push_back({0.0, position, j});
    }
  }
  int bin(double f, int c) const { return std::min(static_cast<int>(f * n_bins_[c]), n_bins_[c] - 1); }

  void add_bins(int site, double inner, double outer, std::vector<Candidate>& found) const {
    const Vec3& f = fractional_[site];
    const double g[3] = {f.x, f.y, f.z};
    const Vec3 position = g[0] * basis_[0] + g[1] * basis_[1] + g[2] * basis_[2];
    int low[3], high[3];
    for (int c = 0; c < 3; ++c) {
      low[c] = static_cast<int>(std::floor((g[c] - outer / height_[c]) * n_bins_[c]));
      high[c] = static_cast<int>(std::floor((g[c] + outer / height_[c]) * n_bins_[c]));
    }
    const double inner2 = inner > 0.0 ? inner * inner : 0.0, outer2 = outer * outer;
    for (int u = low[0]; u <= high[0]; ++u) {
      const int k0 = image(u, n_bins_[0]);
      for (int v = low[1]; v <= high[1]; ++v) {
        const int k1 = image(v, n_bins_[1]);
        for (int w = low[2]; w <= high[2]; ++w) {
          const int k2 = image(w, n_bins_[2]);
          const int row = (u - k0 * n_bins_[0]) * n_bins_[1] + (v - k1 * n_bins_[1]);
          const Vec3 shift = double(k0) * basis_[0] + double(k1) * basis_[1] + double(k2) * basis_[2] - position;
          for (const Candidate& c : bins_[row * n_bins_[2] + (w - k2 * n_bins_[2])]) {
            add(c.to + shift, c.site, inner2, outer2, found);
          }
        }
      }
    }
  }
  static int image(int u, int n) { return u >= 0 ? u / n : -((n - 1 - u) / n); }

  Vec3 basis_[3];
  std::vector<Vec3> fractional_;
  std::vector<std::vector<Candidate>> bins_;
  int n_bins_[3] = {1, 1, 1};
  double height_[3], spacing_, extent2_ = 0.0;
};

void build(const Packing& packing, int site, std::vector<Candidate>& found, voro::voronoicell_neighbor& cell) {
  const double extent = packing.half_extent();
  cell.init(-extent, extent, -extent, extent, -extent, extent);
  double inner = 0.0, outer = 1.9 * packing.spacing();
  for (;;) {
    packing.gather(site, inner, outer, found);
    double reach2 = cell.max_radius_squared();  // of the doubled coordinates in which Voro++ keeps its vertices
    for (const Candidate& c : found) {
      if (c.distance2 > reach2) return;
      // Only a plane that cuts changes the radius, and only a plane that meets the cell needs the whole cut.
      if (cell.plane_intersects(c.to.x, c.to.y, c.to.z, c.distance2)) {
        cell.nplane(c.to.x, c.to.y, c.to.z, c.distance2, c.site);
        reach2 = cell.max_radius_squared();
      }
    }
    const double needed = std::sqrt(reach2);
    if (outer >= needed) return;
    inner = outer;
    outer = std::min(1.3 * outer, needed);
  }
}

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Best and median time per site, ns, over short repetitions of several structures' worth of sites.
void time_cells(const Structure& structure, bool with_faces, double seconds) {
  const int n = static_cast<int>(structure.fractional.size()), repeats = 1 + 2000 / n;
  std::vector<Candidate> found;
  std::vector<int> neighbours;
  std::vector<double> areas, times;
  voro::voronoicell_neighbor cell;
  for (double spent = 0.0; spent < seconds || times.size() < 5;) {
    const double start = cpu_seconds();
    for (int r = 0; r < repeats; ++r) {
      const Packing packing(structure);
      for (int site = 0; site < n; ++site) {
        build(packing, site, found, cell);
        if (with_faces) {
          cell.neighbors(neighbours);
          cell.face_areas(areas);
        }
      }
    }
    const double took = cpu_seconds() - start;
    spent += took;
    times.push_back(1e9 * took / (static_cast<double>(repeats) * n));
  }
  std::sort(times.begin(), times.end());
  std::printf(" %.1f %.1f", times.front(), times[times.size() / 2]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s STRUCTURES SECONDS\n", argv[0]);
    return 2;
  }
  std::ifstream in(argv[1]);
  const double seconds = std::stod(argv[2]);
  Structure structure;
  for (std::size_t n; in >> structure.name >> n;) {
    for (Vec3& b : structure.basis) in >> b.x >> b.y >> b.z;
    structure.fractional.resize(n);
    for (Vec3& f : structure.fractional) in >> f.x >> f.y >> f.z;
    std::printf("%s", structure.name.c_str());
    time_cells(structure, false, seconds);
    time_cells(structure, true, seconds);
    std::vector<Candidate> found;
    voro::voronoicell_neighbor cell;
    const Packing packing(structure);
    for (int site = 0; site < static_cast<int>(n); ++site) {
      build(packing, site, found, cell);
      std::printf(" %.17g", cell.volume());
    }
    std::printf("\n");
  }
  return 0;
}
