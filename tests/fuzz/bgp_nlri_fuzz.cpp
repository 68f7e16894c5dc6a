// NLRI of every family that is known, and of one that is not.
#include <algorithm>
#include <cstdlib>

#include "update.hpp"

using namespace bgp;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr Family families[]{{1, 1},   {2, 1},   {1, 2},   {2, 2},     {1, 4},
                              {2, 4},   {1, 128}, {2, 128}, {1, 133},   {2, 133},
                              {1, 134}, {2, 134}, {25, 70}, {16388, 71}};
  const Family family = families[(data[0] >> 1) % std::size(families)];
  const bool add_path = (data[0] & 1) != 0;
  const Bytes nlri(data + 1, size - 1);
  std::size_t taken = 0;
  const bool whole = each_nlri(family, add_path, nlri, [&](Bytes key, Bytes entry) {
    // Entries stand one behind the other.
    require(entry.data() == nlri.data() + taken);
    taken += entry.size();
    require(!key.empty() && key.size() <= entry.size());
    (void)to_text(family, add_path, entry);
    const auto withdrawal = withdrawal_of(family, key, entry);
    std::size_t found = 0;
    require(each_nlri(family, add_path, withdrawal, [&](Bytes again, Bytes) {
      ++found;
      require(std::ranges::equal(again, key));
    }));
    require(found == 1);
  });
  require(!whole || taken == nlri.size());
  (void)to_text(family, add_path, nlri);
  return 0;
}
