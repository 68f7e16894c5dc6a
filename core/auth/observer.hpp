// Observer: looks at the wire for a while, for some peers at once, and says what their segments
// say.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "auth/chain.hpp"
#include "auth/evidence.hpp"
#include "net/capture.hpp"

namespace peerhold {

class Observer {
 public:
  // `others`: peers that are well; what they send is nobody's news. `chains` is asked once. After
  // `most` segments it stops looking: whoever floods us with them costs no more than that. The
  // error is Capture's (EPERM without CAP_NET_RAW).
  static Result<std::unique_ptr<Observer>> open(
      Loop&, std::vector<Subject>, std::vector<Prefix> others,
      const std::function<const KeyChain*(const std::string&)>& chains, std::size_t most);
  // What answers our own unsigned attempt says nothing about keys.
  void ignore(const Endpoint& local) { ignored_.push_back(local); }
  // Only what comes to this port: an earlier connection's last segments, sent once more, are no
  // answer.
  void look_only_at(std::uint16_t port) { only_ = port; }
  const Evidence& of(std::size_t subject) const { return evidence_[subject]; }

 private:
  Observer(std::vector<Subject>, std::vector<Prefix> others);
  void see(const Segment&);
  const KeyList& keys_of(const Subject&) const;

  std::vector<Subject> subjects_;
  std::vector<Prefix> others_;
  std::vector<Evidence> evidence_;
  std::map<std::string, KeyList> chains_;  // copies: a reload may replace the keeper's
  std::vector<Endpoint> ignored_;
  std::uint16_t only_ = 0;  // 0: all
  std::size_t left_ = 0;
  std::unique_ptr<Capture> capture_;
};

}  // namespace peerhold
