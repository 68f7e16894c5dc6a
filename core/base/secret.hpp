// Secret: the bytes of one TCP-MD5 key, 1 to 80 of them: Linux takes no more.
//
// Move-only. The bytes live in a locked-down page of their own pool (MADV_DONTDUMP), are wiped on
// move and destruction, cannot be printed or compared with ==, and are readable only through use().
#pragma once

#include <cstddef>
#include <span>

#include "base/result.hpp"

namespace peerhold {

class Secret {
 public:
  static constexpr std::size_t max_size = 80;

  Secret() = default;
  // Copies `bytes`, then wipes them where they stood. `bytes` must be 1 to 80 bytes long.
  static Result<Secret> take(std::span<unsigned char> bytes);
  // `size` bytes from getrandom(2).
  static Secret random(std::size_t size);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  std::size_t size() const { return size_; }
  explicit operator bool() const { return size_ > 0; }
  // A second owner of the same bytes, for handing one key to several links.
  Secret clone() const;
  // Equal content? Constant time in the content.
  bool same(const Secret& other) const;
  // Calls f(std::span<const unsigned char>); what it copies it must wipe.
  template <class F>
  auto use(F&& f) const {
    return f(std::span<const unsigned char>(bytes_, size_));
  }

 private:
  void wipe();
  unsigned char* bytes_ = nullptr;  // a slot of the pool, max_size bytes; null when empty
  std::size_t size_ = 0;
};

// memset that the compiler may not drop.
void wipe(void* p, std::size_t n);

}  // namespace peerhold
