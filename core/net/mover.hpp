// Movers: a few threads that do nothing but splice(2) between two sockets and count.
//
// A pair of fds is borrowed, never owned: between lend() and `returned` the caller may set options,
// read TCP_INFO and shut the sockets down, never read, write, close or take SO_ERROR. With TCP-MD5
// the digest is the cost, so one thread cannot feed two cores; no plugin code runs here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "loop/loop.hpp"

namespace peerhold {

struct Returned {
  struct Side {
    std::uint64_t bytes = 0;              // moved out of this side into the other
    std::vector<std::uint8_t> rest;       // read from this side, not yet written to the other
    bool eof = false;                     // this side sent FIN
    bool eof_passed = false;              // ... and it was passed on as shutdown(SHUT_WR)
    int read_error = 0, write_error = 0;  // errno on this side's socket
  };
  Side a, b;
};

class Movers {
 public:
  using Id = std::uint64_t;
  struct Options {
    bool pass_eof = true;            // false: the first FIN returns the pair
    std::uint64_t buffer = 1 << 20;  // most bytes in a pipe per direction
  };
  // Threads start with the first pair. count 0: as many as CPUs, at most 4.
  explicit Movers(Loop&, unsigned count = 0);
  ~Movers();
  // `returned` runs on the loop exactly once: both directions ended, an error, or after ask_back().
  Id lend(int a, int b, Options, std::function<void(Returned)> returned);
  void ask_back(Id);  // go on when returned
  struct Progress {
    std::uint64_t a_to_b = 0, b_to_a = 0;
    SteadyTime last;
  };
  Progress progress(Id) const;  // live counters
  std::size_t lent() const;

 private:
  struct State;
  std::unique_ptr<State> s_;
};

}  // namespace peerhold
