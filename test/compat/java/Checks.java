import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;

/** Named checks that run side by side, a line each on standard output: `ok NAME` or `not ok NAME -- why`. */
final class Checks {
    interface Body { void run() throws Exception; }

    static final java.io.PrintStream OUT = System.out;
    static final java.io.PrintStream ERRORS = System.err;
    private final List<Thread> threads = new ArrayList<>();

    /** Starts a thread for the bodies, which run one after the other. */
    void start(Object... namesAndBodies) {
        Thread thread = new Thread(() -> {
            for (int i = 0; i < namesAndBodies.length; i += 2) run((String) namesAndBodies[i], (Body) namesAndBodies[i + 1]);
        });
        threads.add(thread);
        thread.start();
    }

    static void run(String name, Body body) {
        String line;
        long begun = System.nanoTime();
        try {
            body.run();
            line = "ok " + name;
        } catch (Throwable e) {
            Throwable cause = e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
            StackTraceElement at = null;
            for (StackTraceElement s : e.getStackTrace()) if (s.getFileName() != null && s.getFileName().matches("(Clients|Tools|Orders)\\w*\\.java")) { at = s; break; }
            line = "not ok " + name + " -- " + cause.toString().replace('\n', ' ') + " at " + at;
        }
        synchronized (OUT) {
            OUT.println(line);
            OUT.flush();
        }
        ERRORS.println(name + ": " + (System.nanoTime() - begun) / 1_000_000 + " ms");
    }

    void join() throws InterruptedException {
        for (Thread t : threads) t.join();
    }

    static void equal(Object got, Object wanted, String what) {
        if (!Objects.equals(got, wanted)) throw new AssertionError(what + ": " + got + " and not " + wanted);
    }

    static void that(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    static Body fails(Class<? extends Throwable> type, Callable<?> call) {
        return () -> {
            try {
                call.call();
            } catch (Throwable e) {
                Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
                if (type.isInstance(cause)) return;
                throw new AssertionError(type.getSimpleName() + " was expected, not " + cause, cause);
            }
            throw new AssertionError(type.getSimpleName() + " was expected");
        };
    }

    static void until(String what, Callable<Boolean> holds) throws Exception {
        long end = System.currentTimeMillis() + 20_000;
        while (!holds.call()) {
            if (System.currentTimeMillis() > end) throw new AssertionError("never: " + what);
            Thread.sleep(20);
        }
    }
}
