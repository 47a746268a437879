// franz-go against a listener: franz-go BOOTSTRAP. Prints `ok NAME` or `not ok NAME -- why` for each check.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var bootstrap = os.Args[1]

func client(opts ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap)}, opts...)...)
	must(err)
	return cl
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(got, wanted any, what string) {
	if got != wanted {
		panic(fmt.Sprintf("%s: %v and not %v", what, got, wanted))
	}
}

func until(what string, holds func() bool) {
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			panic("never: " + what)
		}
	}
}

func create(topic string, partitions int32) {
	cl := client()
	defer cl.Close()
	_, err := kadm.NewClient(cl).CreateTopic(ctx(), partitions, 1, nil, topic)
	must(err)
}

func ctx() context.Context {
	c, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	_ = cancel
	return c
}

func read(cl *kgo.Client, count int) []*kgo.Record {
	var out []*kgo.Record
	c, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for len(out) < count {
		fetches := cl.PollFetches(c)
		for _, e := range fetches.Errors() {
			panic(e.Err)
		}
		out = append(out, fetches.Records()...)
	}
	equal(len(out), count, "records")
	return out
}

func codecs() {
	create("go-codecs", 3)
	n := 0
	for name, codec := range map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()} {
		cl := client(kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(10*time.Millisecond))
		for i := 0; i < 300; i++ {
			r := &kgo.Record{Topic: "go-codecs", Key: []byte(fmt.Sprint("k", n)), Value: []byte(name + strings.Repeat("x", i)), Timestamp: time.UnixMilli(int64(1000 + n)), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte(name)}}}
			cl.Produce(ctx(), r, func(_ *kgo.Record, err error) { must(err) })
			n++
		}
		must(cl.Flush(ctx()))
		cl.Close()
	}
	cl := client(kgo.ConsumeTopics("go-codecs"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	keys := map[string]bool{}
	for _, r := range read(cl, n) {
		keys[string(r.Key)] = true
		equal(fmt.Sprint("k", r.Timestamp.UnixMilli()-1000), string(r.Key), "timestamp")
		equal(strings.HasPrefix(string(r.Value), string(r.Headers[0].Value)), true, "value")
	}
	equal(len(keys), n, "keys")
}

type member struct {
	cl       *kgo.Client
	mu       sync.Mutex
	assigned map[int32]bool
	revoked  int
	seen     map[string]bool
	done     chan struct{}
}

func (m *member) counts() (assigned, seen int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.assigned), len(m.seen)
}

func join(topic string, balancer kgo.GroupBalancer) *member {
	m := &member{assigned: map[int32]bool{}, seen: map[string]bool{}, done: make(chan struct{})}
	lost := func(_ context.Context, cl *kgo.Client, gone map[string][]int32) {
		must(cl.CommitUncommittedOffsets(ctx()))
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, p := range gone[topic] {
			delete(m.assigned, p)
			m.revoked++
		}
	}
	m.cl = client(kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.Balancers(balancer), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(200*time.Millisecond), kgo.SessionTimeout(6*time.Second),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, more map[string][]int32) {
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, p := range more[topic] {
				m.assigned[p] = true
			}
		}), kgo.OnPartitionsRevoked(lost), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	go func() {
		defer close(m.done)
		for {
			fetches := m.cl.PollFetches(context.Background())
			if fetches.IsClientClosed() {
				return
			}
			m.mu.Lock()
			for _, r := range fetches.Records() {
				m.seen[string(r.Value)] = true
			}
			m.mu.Unlock()
		}
	}()
	return m
}

func (m *member) leave() {
	m.cl.CloseAllowingRebalance()
	<-m.done
}

func rebalance(topic string, balancer kgo.GroupBalancer, cooperative bool) {
	create(topic, 4)
	producer := client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer producer.Close()
	produce := func(from, to int) {
		for i := from; i < to; i++ {
			must(producer.ProduceSync(ctx(), &kgo.Record{Topic: topic, Partition: int32(i % 4), Value: []byte(fmt.Sprint("v", i))}).FirstErr())
		}
	}
	produce(0, 40)
	one := join(topic, balancer)
	until("all with one", func() bool { a, s := one.counts(); return a == 4 && s == 40 })
	two := join(topic, balancer)
	until("two each", func() bool { a, _ := one.counts(); b, _ := two.counts(); return a == 2 && b == 2 })
	equal(one.revoked == 2, cooperative, "only what the other gets was taken away")
	produce(40, 80)
	all := func(a, b *member) int {
		sum := map[string]bool{}
		for _, m := range []*member{a, b} {
			m.mu.Lock()
			for v := range m.seen {
				sum[v] = true
			}
			m.mu.Unlock()
		}
		return len(sum)
	}
	until("read by both", func() bool { return all(one, two) == 80 })
	one.leave()
	until("all with two", func() bool { a, _ := two.counts(); return a == 4 })
	produce(80, 120)
	until("read by two", func() bool { return all(one, two) == 120 })
	two.leave()
	offsets, err := kadm.NewClient(producer).FetchOffsets(ctx(), topic)
	must(err)
	sum := int64(0)
	offsets.Each(func(o kadm.OffsetResponse) { sum += o.At })
	equal(sum, int64(120), "committed")
}

func transactions() {
	create("go-tx", 2)
	cl := client(kgo.TransactionalID("go-tx"), kgo.TransactionTimeout(time.Minute), kgo.DefaultProduceTopic("go-tx"))
	defer cl.Close()
	for t := 0; t < 6; t++ {
		must(cl.BeginTransaction())
		for i := 0; i < 10; i++ {
			must(cl.ProduceSync(ctx(), kgo.StringRecord(fmt.Sprint("t", t))).FirstErr())
		}
		must(cl.EndTransaction(ctx(), kgo.TransactionEndTry(t%2 == 0)))
	}
	reader := client(kgo.ConsumeTopics("go-tx"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer reader.Close()
	for _, r := range read(reader, 30) {
		equal(strings.Contains("t0 t2 t4", string(r.Value)), true, "committed "+string(r.Value))
	}
	must(cl.BeginTransaction())
	must(cl.ProduceSync(ctx(), kgo.StringRecord("zombie")).FirstErr())
	newer := client(kgo.TransactionalID("go-tx"), kgo.DefaultProduceTopic("go-tx"))
	defer newer.Close()
	_, _, err := newer.ProducerID(ctx())
	must(err)
	err = cl.EndTransaction(ctx(), kgo.TryCommit)
	equal(errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch), true, fmt.Sprint("fenced: ", err))
}

// A group's records go through a transaction that also commits their offsets.
func groupTransactions() {
	create("go-in", 2)
	create("go-out", 1)
	producer := client(kgo.DefaultProduceTopic("go-in"))
	for i := 0; i < 100; i++ {
		producer.Produce(ctx(), kgo.StringRecord(fmt.Sprint(i)), func(_ *kgo.Record, err error) { must(err) })
	}
	must(producer.Flush(ctx()))
	producer.Close()
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(bootstrap), kgo.TransactionalID("go-session"), kgo.ConsumerGroup("go-session"), kgo.ConsumeTopics("go-in"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DefaultProduceTopic("go-out"))
	must(err)
	for done := 0; done < 100; {
		fetches := session.PollFetches(ctx())
		must(session.Begin())
		n := 0
		for _, r := range fetches.Records() {
			session.Produce(ctx(), kgo.StringRecord(string(r.Value)+"!"), func(_ *kgo.Record, err error) { must(err) })
			n++
		}
		committed, err := session.End(ctx(), kgo.TryCommit)
		must(err)
		if committed {
			done += n
		}
	}
	session.Close()
	reader := client(kgo.ConsumeTopics("go-out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer reader.Close()
	values := map[string]bool{}
	for _, r := range read(reader, 100) {
		values[string(r.Value)] = true
	}
	equal(len(values), 100, "values")
}

func admin() {
	cl := client()
	defer cl.Close()
	adm := kadm.NewClient(cl)
	retention := "9999"
	_, err := adm.CreateTopic(ctx(), 2, 1, map[string]*string{"retention.ms": &retention}, "go-admin")
	must(err)
	_, err = adm.CreateTopic(ctx(), 2, 1, nil, "go-admin")
	equal(errors.Is(err, kerr.TopicAlreadyExists), true, fmt.Sprint("created twice: ", err))
	updated, err := adm.UpdatePartitions(ctx(), 4, "go-admin")
	must(err)
	must(updated.Error())
	details, err := adm.ListTopics(ctx(), "go-admin")
	must(err)
	equal(len(details["go-admin"].Partitions), 4, "partitions")
	configs, err := adm.DescribeTopicConfigs(ctx(), "go-admin")
	must(err)
	found := ""
	for _, c := range configs[0].Configs {
		if c.Key == "retention.ms" {
			found = *c.Value
		}
	}
	equal(found, "9999", "retention")
	policy := "compact"
	altered, err := adm.AlterTopicConfigs(ctx(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "cleanup.policy", Value: &policy}}, "go-admin")
	must(err)
	must(altered[0].Err)
	brokers, err := adm.ListBrokers(ctx())
	must(err)
	equal(len(brokers), 1, "brokers")
	for i := 0; i < 10; i++ {
		must(cl.ProduceSync(ctx(), &kgo.Record{Topic: "go-admin", Key: []byte("k"), Value: []byte("v")}).FirstErr())
	}
	ends, err := adm.ListEndOffsets(ctx(), "go-admin")
	must(err)
	sum := int64(0)
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	equal(sum, int64(10), "end offsets")
	deleted, err := adm.DeleteRecords(ctx(), ends.Offsets())
	must(err)
	must(deleted.Error())
	starts, err := adm.ListStartOffsets(ctx(), "go-admin")
	must(err)
	sum = 0
	starts.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	equal(sum, int64(10), "start offsets")
	var offsets kadm.Offsets
	offsets.AddOffset("go-admin", 0, 7, -1)
	must(adm.CommitAllOffsets(ctx(), "go-group", offsets))
	groups, err := adm.DescribeGroups(ctx(), "go-group")
	must(err)
	equal(groups["go-group"].State, "Empty", "state")
	lag, err := adm.Lag(ctx(), "go-group")
	must(err)
	must(lag.Error())
	dirs, err := adm.DescribeAllLogDirs(ctx(), nil)
	must(err)
	equal(len(dirs), 1, "brokers with log folders")
	listed, err := adm.ListTransactions(ctx(), nil, nil)
	must(err)
	_ = listed
	_, err = adm.DeleteGroups(ctx(), "go-group")
	must(err)
	_, err = adm.DeleteTopics(ctx(), "go-admin")
	must(err)
}

func main() {
	var printing sync.Mutex
	check := func(name string, body func()) {
		begun := time.Now()
		line := "ok " + name
		defer func() {
			if why := recover(); why != nil {
				line = "not ok " + name + " -- " + strings.ReplaceAll(fmt.Sprint(why), "\n", " ")
			}
			printing.Lock()
			fmt.Println(line)
			printing.Unlock()
			fmt.Fprintln(os.Stderr, name, time.Since(begun))
		}()
		body()
	}
	var all sync.WaitGroup
	for _, group := range [][]func(){
		{func() { check("every codec", codecs) }, func() { check("admin", admin) }},
		{func() { check("transactions", transactions) }, func() { check("transactions of a group", groupTransactions) }},
		{func() { check("eager rebalance", func() { rebalance("go-eager", kgo.RangeBalancer(), false) }) },
			func() {
				check("cooperative rebalance", func() { rebalance("go-cooperative", kgo.CooperativeStickyBalancer(), true) })
			}},
	} {
		all.Add(1)
		go func() {
			defer all.Done()
			for _, body := range group {
				body()
			}
		}()
	}
	all.Wait()
}
