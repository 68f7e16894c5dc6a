// Closing: sockets that were closed gracefully and are not done with it.
//
// A link's key must stay on its socket until the far end has acknowledged the FIN: a retransmitted
// FIN without a signature would be dropped and the far end would wait for its hold timer. So the
// socket stays open here, outlives its Link, and is closed when the FIN is acknowledged or two
// seconds have passed. What was still queued is sent first: a far end that reads slowly, or pauses
// for less than two minutes, gets all of it. Input is thrown away meanwhile, since closing over
// unread input makes a RST of the FIN. The keeper owns one and destroys it after its links;
// destroying it closes everything at once.
#pragma once

#include <cstddef>
#include <functional>
#include <list>

#include "base/fd.hpp"
#include "loop/loop.hpp"
#include "net/link_blocks.hpp"

namespace peerhold {

class Closing {
 public:
  explicit Closing(Loop&);
  ~Closing();
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;

  struct Fins {
    bool received = false, sent = false;
  };
  // `fd` is in no epoll any more; FIN follows the queued bytes, unless it was sent before. `owner`
  // is only compared, by each(); without one the socket bears no key.
  void add(Fd fd, Block queued, Fins, const void* owner = nullptr);
  // Calls f for the sockets of that owner, to set options or keys: what is not acknowledged yet is
  // sent again, and signed anew.
  void each(const void* owner, const std::function<void(int fd)>& f) const;
  // The keeper stops: from now on two seconds without progress are enough.
  void hurry();
  std::size_t count() const;

 private:
  class Entry;
  void check();
  void look_at(SteadyTime);  // unless the timer rings before

  Loop& loop_;
  bool hurried_ = false;
  std::list<Entry> entries_;
  SteadyTime armed_for_ = SteadyTime::max();
  Timer timer_;
};

}  // namespace peerhold
