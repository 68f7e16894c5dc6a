// Result<T>: a value or an Error in words. C++20 as g++ 12 and clang 14 have it lacks
// std::expected; the names follow it so that it can be swapped in one day.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/cause.hpp"

namespace peerhold {

// What went wrong, in words a person can act on: what was tried, on which object, why it failed,
// what to do. `code` is the errno (positive) where a system call failed, else 0.
struct [[nodiscard]] Error {
  std::string text;
  int code = 0;
  Cause cause = Cause::internal;
};

// "TEXT: STRERROR", with the errno kept.
Error error_from_errno(int err, std::string text, Cause cause = Cause::internal);

template <class T = void>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::move(value)) {}
  Result(Error error) : v_(std::move(error)) {}

  explicit operator bool() const { return v_.index() == 0; }
  bool has_value() const { return v_.index() == 0; }
  T& operator*() & { return std::get<0>(v_); }
  const T& operator*() const& { return std::get<0>(v_); }
  T&& operator*() && { return std::get<0>(std::move(v_)); }
  T* operator->() { return &std::get<0>(v_); }
  const T* operator->() const { return &std::get<0>(v_); }
  Error& error() & { return std::get<1>(v_); }
  const Error& error() const& { return std::get<1>(v_); }
  Error&& error() && { return std::get<1>(std::move(v_)); }

 private:
  std::variant<T, Error> v_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}

  explicit operator bool() const { return !failed_; }
  bool has_value() const { return !failed_; }
  Error& error() & { return error_; }
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  Error error_{};
  bool failed_ = false;
};

// Our own bug, state unknown: says where and aborts. What a peer, an app or a plugin can cause is
// never checked by this.
[[noreturn]] void require_failed(const char* what, const char* file, int line);
#define PH_REQUIRE(x) \
  (static_cast<bool>(x) ? void(0) : ::peerhold::require_failed(#x, __FILE__, __LINE__))

}  // namespace peerhold
