// Secret: owns the slots in which keys stand. Called by whoever reads, keeps or installs a key.
//
// All slots lie in pages of their own, so that no other data is left out of core dumps with them
// and no key lies among the heap's leftovers.
#include "base/secret.hpp"

#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace peerhold {

namespace {

class Pool {
 public:
  unsigned char* get() {
    std::lock_guard lock(mutex_);
    if (free_.empty()) grow();
    unsigned char* slot = free_.back();
    free_.pop_back();
    return slot;
  }

  void put(unsigned char* slot) {
    std::lock_guard lock(mutex_);
    free_.push_back(slot);  // never allocates: grow() has reserved room for every slot
  }

 private:
  void grow() {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t count = page / Secret::max_size;
    free_.reserve(total_ + count);
    void* p = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    ::madvise(p, page, MADV_DONTDUMP);
    // Against swapping; RLIMIT_MEMLOCK may forbid it, and a key in swap is better than no session.
    (void)::mlock(p, page);
    total_ += count;
    for (std::size_t i = 0; i < count; ++i)
      free_.push_back(static_cast<unsigned char*>(p) + i * Secret::max_size);
  }

  std::mutex mutex_;
  std::vector<unsigned char*> free_;
  std::size_t total_ = 0;
};

// One set of pages a process, whoever embeds us; never destroyed, because a Secret may outlive
// every destructor that could do it.
Pool& pool() {
  static Pool& pages = *new Pool;
  return pages;
}

}  // namespace

void wipe(void* p, std::size_t n) {
  if (n > 0) ::explicit_bzero(p, n);
}

Result<Secret> Secret::take(std::span<unsigned char> bytes) {
  if (bytes.empty()) return Error{"the secret is empty; a TCP-MD5 key has 1 to 80 bytes"};
  if (bytes.size() > max_size) {
    const std::size_t size = bytes.size();
    peerhold::wipe(bytes.data(), size);
    return Error{"the secret has " + std::to_string(size) + " bytes; a TCP-MD5 key has 1 to 80"};
  }
  Secret secret;
  secret.bytes_ = pool().get();
  secret.size_ = bytes.size();
  ::memcpy(secret.bytes_, bytes.data(), bytes.size());
  peerhold::wipe(bytes.data(), bytes.size());
  return secret;
}

Secret Secret::random(std::size_t size) {
  PH_REQUIRE(size > 0 && size <= max_size);
  Secret secret;
  secret.bytes_ = pool().get();
  secret.size_ = size;
  for (std::size_t done = 0; done < size;) {
    const ssize_t n = ::getrandom(secret.bytes_ + done, size - done, 0);
    PH_REQUIRE(n > 0 || errno == EINTR);
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return secret;
}

Secret::Secret(Secret&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::exchange(other.bytes_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() {
  wipe();
}

void Secret::wipe() {
  if (bytes_ == nullptr) return;
  peerhold::wipe(bytes_, max_size);
  pool().put(bytes_);
  bytes_ = nullptr;
  size_ = 0;
}

Secret Secret::clone() const {
  Secret copy;
  if (bytes_ == nullptr) return copy;
  copy.bytes_ = pool().get();
  copy.size_ = size_;
  ::memcpy(copy.bytes_, bytes_, max_size);
  return copy;
}

bool Secret::same(const Secret& other) const {
  if (bytes_ == nullptr || other.bytes_ == nullptr) return bytes_ == other.bytes_;
  // Whole slots: what follows a secret in its slot is zero.
  volatile unsigned char different = 0;
  for (std::size_t i = 0; i < max_size; ++i)
    different = static_cast<unsigned char>(different | (bytes_[i] ^ other.bytes_[i]));
  return different == 0 && size_ == other.size_;
}

}  // namespace peerhold
