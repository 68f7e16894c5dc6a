// Doctor: says why sessions are not well. Looks by itself, and cheaply, when the kernel's counters
// show that segments fail while a session has no link or one that stalls; thoroughly when asked.
#pragma once

#include <map>

#include "keeper/examination.hpp"
#include "keeper/keeper.hpp"
#include "net/tcp_auth.hpp"

namespace peerhold {

class Doctor {
 public:
  struct House {
    Loop& loop;
    std::function<std::vector<Session*>()> sessions;  // with those of dynamic peers
    std::function<Session*(const std::string&)> find;
    std::function<const KeyChain*(const std::string&)> chain;
    const tcp_auth::Support& support;
  };
  explicit Doctor(House);
  void start();
  // What the wire has shown lately of that session.
  std::optional<Error> explain(const Session&) const;
  // Destroying what it returns gives it up.
  std::unique_ptr<Examination> examine(const std::string& only, std::function<void(Diagnosis)>);

 private:
  struct Known {
    Error error;
    SteadyTime at;
  };
  void round();
  void learn(const std::vector<Facts>&);
  Examination::Ward ward(const std::vector<std::string>& patients) const;

  House house_;
  AuthCounters before_;
  SteadyTime dropped_at_{};  // when they were last seen to grow
  std::map<std::string, Known, std::less<>> known_;
  std::size_t turn_ = 0;  // of those that are unwell, when they are many
  std::unique_ptr<Examination> round_;
  Timer timer_;
};

}  // namespace peerhold
