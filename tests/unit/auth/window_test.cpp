// Which captured segments may be somebody's repetition of old ones.
#include "auth/window.hpp"

#include <doctest/doctest.h>

namespace peerhold {
namespace {

using Place = Window::Place;

TEST_CASE("nothing is known before a segment of ours was seen") {
  CHECK(Window{}.place(1000, 10, 0, 65536) == Place::unknown);
}

TEST_CASE("old, fresh, bare and outside, over the wrap of the numbers too") {
  for (const std::uint32_t next : {1000u, 0u, 5u, 0xfffffffbu, 0x80000000u}) {
    Window w;
    w.ours(next, 500);
    const auto place = [&](std::int32_t offset, std::size_t length) {
      return w.place(next + static_cast<std::uint32_t>(offset), length, 500, 65536);
    };
    CHECK(place(0, 10) == Place::fresh);
    CHECK(place(-10, 10) == Place::bare);   // sent again
    CHECK(place(-10, 11) == Place::fresh);  // its last byte is new
    CHECK(place(-65536, 10) == Place::bare);
    CHECK(place(-65537, 10) == Place::old);
    CHECK(place(0, 0) == Place::bare);
    CHECK(place(-1, 0) == Place::bare);
    CHECK(place(-70000, 0) == Place::old);
    CHECK(place(2000, 0) == Place::bare);
    CHECK(place(65536, 10) == Place::fresh);
    CHECK(place(65537, 10) == Place::outside);
    CHECK(place(INT32_MAX, 10) == Place::outside);
    CHECK(place(INT32_MIN, 10) == Place::old);
    // 100 bytes more have come since.
    CHECK(w.place(next, 100, 600, 65536) == Place::bare);
    CHECK(w.place(next + 100, 1, 600, 65536) == Place::fresh);
  }
}

TEST_CASE("an older segment of ours, looked at late, takes nothing back") {
  Window w;
  w.ours(1000, 500);
  w.ours(900, 500);  // captured before the last 100 bytes came, looked at after
  CHECK(w.place(1000, 1, 500, 65536) == Place::fresh);
  CHECK(w.place(999, 1, 500, 65536) == Place::bare);
}

}  // namespace
}  // namespace peerhold
