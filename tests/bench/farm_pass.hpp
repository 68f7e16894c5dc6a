#pragma once
#include "farm_sessions.hpp"

namespace farm {

// UPDATEs from one session of this process to another, through what stands between them. Both
// steps print one JSON object and return false when not everything arrived as it was sent.
class Pass {
 public:
  // `as` is the sender's.
  Pass(Sessions& sessions, unsigned from, unsigned to, std::uint32_t as);
  bool stream(const char* step, double seconds);
  bool latency(const char* step, double seconds);

 private:
  void listen_in();
  void pump(bool finishing);
  bool arrived(double deadline);

  Sessions& sessions_;
  unsigned from_, to_;
  std::string block_;  // every UPDATE there is, one after another
  std::size_t size_;   // of one of them
  std::size_t at_ = 0;
  std::uint64_t octets_ = 0, received_ = 0;  // over all steps
  std::uint32_t expected_ = 0;
  bool wrong_ = false;
  Clock::time_point last_ = Clock::now();
};

}  // namespace farm
