// KeyCapture: which key of its chain a peer signs with, seen on the wire (RFC 2385's digest over
// captured segments). Kept at rest and emptied by the KeyWatch; digests are computed only while the
// kernel says that something fails, and only so many, so that a flood costs no more than that.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "auth/window.hpp"
#include "base/log.hpp"
#include "net/capture.hpp"
#include "net/progress.hpp"

namespace peerhold {

class Session;

class KeyCapture {
 public:
  KeyCapture(Loop&, Log&);

  // Whose segments: asked at every look, cheap as long as nothing has changed.
  void watch(const std::vector<Session*>&);
  // The sessions are the same, and some have other chains.
  void chains_changed() { changed_ = true; }
  // Whoever failed the check until the last look was looked at. Not without CAP_NET_RAW, nor in a
  // flood: then it is found out otherwise who it was.
  bool sees() const { return capture_ != nullptr && !flooded_; }
  // Empties the queue. `failing`: looks at who signed what, and tells the sessions' keys.
  // `quickly`: something is being found out, so a longer queue.
  void look(bool failing, bool quickly);

 private:
  using Ends = std::pair<Endpoint, Endpoint>;  // local, peer
  struct Eye {
    Session* session;
    int fd;
    std::uint64_t cookie;
    Window window;
    // In this look:
    unsigned looked_at = 0;  // segments
    std::optional<Progress> progress{};
  };
  void reopen();
  void seen(const Segment&);
  void judge(const Segment&, Eye&);
  void judge_syn(const Segment&);
  // Who has signed it, of the keys that the session's peer may be followed to.
  struct Signer {
    std::uint32_t id = 0;  // 0: the one in use, or none of them …
    bool present = false;
    bool foreign = false;  // … which is certain
  };
  Signer signer(const Segment&, const Session&, int& digests_left);

  Loop& loop_;
  Log& log_;
  std::vector<Session*> sessions_;
  std::map<const Session*, unsigned> generations_;
  std::map<Ends, Eye> eyes_;
  std::vector<Capture::Pair> pairs_;
  std::unique_ptr<Capture> capture_;
  bool changed_ = false, refused_ = false, failing_ = false, quick_ = false;
  bool flooded_ = false;
  // SYNs, which anybody can send, leave the others theirs.
  int digests_left_ = 0, syn_digests_left_ = 0;
};

}  // namespace peerhold
