// Later: work that must not run inside the callback that asked for it (a plugin closes a link from
// its own on_data; a link is destroyed from its own event). Runs on the next turn of the loop, in
// order.
#pragma once

#include <vector>

#include "loop/loop.hpp"

namespace peerhold {

class Later {
 public:
  class Item {
   public:
    Item() = default;
    Item(const Item&) = delete;
    Item& operator=(const Item&) = delete;

   protected:
    virtual ~Item();  // leaves the queue

   private:
    friend class Later;
    virtual void run_later() = 0;
    Later* queued_in_ = nullptr;
  };

  explicit Later(Loop&);
  ~Later();  // items may outlive it
  // Once until it has run, however often it is asked for.
  void add(Item&);

 private:
  void run();
  std::vector<Item*> queue_, running_;  // null: an item that was destroyed meanwhile
  Timer timer_;
};

}  // namespace peerhold
