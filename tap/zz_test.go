package tap
import ("testing";"runtime";"runtime/pprof";"os";"github.com/wstap/wstap/monitor")
func TestZZ(t *testing.T){
	for _, plain := range []bool{false,true} {
	r := newRig(t, rigOptions{plain: plain, prepare: func(r *rig){ r.hub.Emit = func(monitor.Event) bool {return true}}})
	var a,b runtime.MemStats
	runtime.GC();runtime.GC();runtime.ReadMemStats(&a)
	for i:=0;i<2000;i++{ c,s:=r.pair(); upgrade(t,c,s) }
	runtime.GC();runtime.GC();runtime.ReadMemStats(&b)
	t.Logf("plain %v heap %d stack %d", plain, (b.HeapAlloc-a.HeapAlloc)/2000,(b.StackInuse-a.StackInuse)/2000)
	if !plain { f,_:=os.Create("/tmp/heap.prof"); pprof.Lookup("heap").WriteTo(f,0); f.Close()
	buf := make([]byte, 1<<20); n:=runtime.Stack(buf,true); os.WriteFile("/tmp/stacks.txt",buf[:n],0o644) }
	}
}
