// Closing: sockets that were closed gracefully and are not done with it.
//
// A link's key must stay on its socket until the far end has acknowledged the FIN: a retransmitted
// FIN without a signature would be dropped and the far end would wait for its hold timer. So the
// socket stays open here, outlives its Link, and is closed when the FIN is acknowledged or two
// seconds have passed. What was still queued is sent first, for as long as it moves. Input is
// thrown away meanwhile, since closing over unread input makes a RST of the FIN. The keeper owns
// one and destroys it after its links; destroying it closes everything at once.
#pragma once

#include <cstddef>
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

  // `fd` is in no epoll any more; FIN follows the queued bytes, unless it was sent before.
  void add(Fd fd, Block queued, bool fin_sent);
  std::size_t count() const;

 private:
  class Entry;
  void check();
  void look_at(SteadyTime);  // unless the timer rings before

  Loop& loop_;
  std::list<Entry> entries_;
  SteadyTime armed_for_ = SteadyTime::max();
  Timer timer_;
};

}  // namespace peerhold
