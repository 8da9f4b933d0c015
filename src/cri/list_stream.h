// ListStream: the answer of a Stream* list, in messages of about 1 MiB, each written once the one before is out of our
// hands: a client that doesn't read holds up nobody, and costs its list. The list is what there was when the call came.
//
// StreamAll: the short form, for what is known at once.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cri/status.h"

namespace cradle::cri {

template <class Page>
class ListStream final : public grpc::ServerWriteReactor<Page> {
 public:
  // Adds the next item to the page: its size in bytes; 0: there is none left.
  using Next = std::function<size_t(Page&)>;

  // Begins to answer. Once, any thread; the object ends with the stream.
  void Send(Next next) {
    next_ = std::move(next);
    SendPage();
  }
  void Fail(const Error& error) { this->Finish(ToStatus(error)); }

 private:
  static constexpr size_t kPageBytes = 1 << 20;

  void SendPage() {
    page_.Clear();
    size_t bytes = 0;
    for (size_t item = 1; item != 0 && bytes < kPageBytes; bytes += item) item = next_(page_);
    if (bytes != 0)
      this->StartWrite(&page_);
    else
      this->Finish(grpc::Status::OK);
  }
  void OnWriteDone(bool ok) override {
    if (ok)
      SendPage();
    else
      this->Finish({grpc::StatusCode::CANCELLED, "the client has gone"});
  }
  void OnDone() override { delete this; }

  Next next_;
  Page page_;
};

// `add(item, page)`: describes one in the page, answers its size in bytes.
template <class Page, class Item, class Add>
typename ListStream<Page>::Next NextOf(std::vector<Item> items, Add add) {
  return [items = std::move(items), add, at = size_t{0}](Page& page) mutable -> size_t {
    return at < items.size() ? add(items[at++], page) : 0;
  };
}

template <class Page, class Item, class Add>
ListStream<Page>* StreamAll(Result<std::vector<Item>> items, Add add) {
  auto* stream = new ListStream<Page>();
  if (items.ok())
    stream->Send(NextOf<Page>(std::move(*items), add));
  else
    stream->Fail(items.error());
  return stream;
}
template <class Page, class Item, class Add>
ListStream<Page>* StreamAll(std::vector<Item> items, Add add) {
  return StreamAll<Page, Item>(Result<std::vector<Item>>(std::move(items)), add);
}

}  // namespace cradle::cri
