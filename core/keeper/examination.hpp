// Examination: looks at some sessions for a while (the wire, the kernel's counters, at most two
// attempts to connect) and gathers the facts that auth/diagnosis judges.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "auth/diagnosis.hpp"
#include "auth/observer.hpp"
#include "net/dialer.hpp"
#include "session/session.hpp"

namespace peerhold {

class Examination {
 public:
  // How an examination finds what it needs; sessions may come and go meanwhile.
  struct Ward {
    Loop& loop;
    std::function<Session*(const std::string& name)> find;
    std::function<const KeyChain*(const std::string& name)> chain;
    std::vector<Prefix> others;  // peers that are not examined
    bool kernel_has_md5 = true;
  };
  struct Limits {
    Milliseconds patience{0};
    std::size_t segments = 0;  // most that are looked at
    bool dials = false;
    bool resting = true;  // look at those, too, that have no link and miss none
    bool links = false;   // and at links that do not seem to stall
  };
  // Runs once, on a later turn; may destroy the Examination.
  using Done = std::function<void(std::vector<Facts>)>;

  Examination(Ward, const std::vector<std::string>& sessions, Limits, Done);
  // What has been seen so far of one of them.
  std::optional<Error> so_far(const std::string& session) const;

 private:
  struct Patient;
  static Subject subject_of(const Session&, const Symptoms&, const KeyChain*);
  bool looks_at(const Facts&) const;
  void admit(const std::string& name, std::vector<Subject>& subjects);
  void refresh(Patient&) const;
  bool may_dial(const Patient&) const;
  void dial(Patient&, bool keyed);
  void look();
  static void ask_itself(const Session&, Facts&);
  void finish();

  // Patients' dialers call back into them: a list's nodes stay where they are.
  struct Patient {
    Facts facts;
    std::optional<std::size_t> subject;
    std::unique_ptr<Dialer> signed_dial, unsigned_dial;
    bool asks = false;  // it may be dialled
    std::optional<WallTime> old_error;
  };
  const Ward ward_;
  const Limits limits_;
  const SteadyTime started_;
  const AuthCounters before_;
  std::vector<std::unique_ptr<Patient>> patients_;
  std::unique_ptr<Observer> observer_;
  Done done_;
  Timer timer_;
};

}  // namespace peerhold
