"""Train a 1.3 M parameter whisper-shaped model for 8 kHz telephone speech and export it to ggml (see README)."""
import sys,os,json,math,time,random,numpy as np,torch,torch.nn as nn,torch.nn.functional as F
DATA=os.environ.get('DATA','.')
from domain import VOCAB,toks
import ggmlwhisper as g
torch.set_num_threads(int(os.environ.get('TH','2')))
D=int(os.environ.get('D','128'));H=D//32;EL=int(os.environ.get('EL','3'));DL=2;NM=64;ACTX=512;TCTX=64
STEPS=int(os.environ.get('STEPS','9000'));BS=int(os.environ.get('BS','32'));LR=float(os.environ.get('LR','1.5e-3'))
OUT=os.environ.get('OUT','m1'); SHARDS=os.environ.get('SHARDS','tr11').split(',')
V=len(VOCAB);EOT,SOT,LEN,LZH,TRA,NOT=V,V+1,V+2,V+3,V+4,V+5;NT=V+6
def melbank(fmax=3800.,fmin=80.,alpha=1.0,n=NM,nb=201,sr=16000):
    # triangular filters on a mel scale restricted to the telephone band; alpha warps vocal tract length
    mel=lambda f:1127*np.log1p(np.asarray(f)/700.); inv=lambda m:700*np.expm1(np.asarray(m)/1127.)
    pts=inv(np.linspace(mel(fmin),mel(fmax),n+2))*alpha
    fft=np.arange(nb)*sr/2/(nb-1); fd=np.maximum(np.diff(pts),40.0)
    W=np.zeros((n,nb))
    for i in range(n):
        W[i]=np.maximum(0,np.minimum((fft-pts[i+1]+fd[i])/fd[i],(pts[i+1]+fd[i+1]-fft)/fd[i+1]))
    W/=np.maximum(W.sum(1,keepdims=True),1e-9)
    W*=0.02; W[:,fft>=4000]=0
    return W.astype(np.float32)
MEL=melbank(); WARPS=[torch.tensor(melbank(alpha=a)[:,:101]) for a in np.linspace(0.84,1.04,9)]+[torch.tensor(MEL[:,:101])]
WIN=torch.hann_window(200)
def logmel(x,W):            # x: [B,n] float 8 kHz; W [B,NM,101] or [NM,101]
    s=torch.stft(x,200,80,200,WIN,center=True,pad_mode='reflect',return_complex=True)
    p=(s.real**2+s.imag**2)[...,:-1]*4.0
    m=torch.matmul(W,p)
    l=torch.log10(m.clamp_min(1e-10)); mx=l.amax((1,2),keepdim=True)
    return (torch.maximum(l,mx-8.0)+4)/4
class Attn(nn.Module):
    def __init__(s,d,h):
        super().__init__(); s.h=h; s.query=nn.Linear(d,d); s.key=nn.Linear(d,d,bias=False); s.value=nn.Linear(d,d); s.out=nn.Linear(d,d)
    def forward(s,x,xa=None,causal=False):
        k=xa if xa is not None else x; B,T,d=x.shape
        sp=lambda t:t.view(t.shape[0],t.shape[1],s.h,-1).transpose(1,2)
        o=F.scaled_dot_product_attention(sp(s.query(x)),sp(s.key(k)),sp(s.value(k)),is_causal=causal)
        return s.out(o.transpose(1,2).reshape(B,T,d))
class Block(nn.Module):
    def __init__(s,d,h,cross,p=0.03):
        super().__init__(); s.attn=Attn(d,h); s.attn_ln=nn.LayerNorm(d); s.cross=cross
        if cross: s.cross_attn=Attn(d,h); s.cross_attn_ln=nn.LayerNorm(d)
        s.mlp=nn.Sequential(nn.Linear(d,4*d),nn.GELU(),nn.Linear(4*d,d)); s.mlp_ln=nn.LayerNorm(d); s.dp=nn.Dropout(p)
    def forward(s,x,xa=None):
        x=x+s.dp(s.attn(s.attn_ln(x),causal=s.cross))
        if s.cross: x=x+s.dp(s.cross_attn(s.cross_attn_ln(x),xa))
        return x+s.dp(s.mlp(s.mlp_ln(x)))
class Enc(nn.Module):
    def __init__(s):
        super().__init__(); s.conv1=nn.Conv1d(NM,D,3,padding=1); s.conv2=nn.Conv1d(D,D,3,stride=2,padding=1)
        s.register_buffer('pe',torch.tensor(g.sinusoids(ACTX,D))); s.blocks=nn.ModuleList([Block(D,H,False) for _ in range(EL)]); s.ln_post=nn.LayerNorm(D)
    def forward(s,m):
        x=F.gelu(s.conv2(F.gelu(s.conv1(m)))).transpose(1,2); x=x+s.pe[:x.shape[1]]
        for b in s.blocks: x=b(x)
        return s.ln_post(x)
class Dec(nn.Module):
    def __init__(s):
        super().__init__(); s.token_embedding=nn.Embedding(NT,D); s.positional_embedding=nn.Parameter(torch.randn(TCTX,D)*0.02)
        nn.init.normal_(s.token_embedding.weight,std=0.04); s.blocks=nn.ModuleList([Block(D,H,True) for _ in range(DL)]); s.ln=nn.LayerNorm(D)
    def forward(s,t,xa):
        x=s.token_embedding(t)+s.positional_embedding[:t.shape[1]]
        for b in s.blocks: x=b(x,xa)
        x=s.ln(x); x=torch.cat([x[...,:-1],torch.ones_like(x[...,:1])],-1)   # last channel is a constant 1 -> output bias column
        return x@s.token_embedding.weight.T
class Model(nn.Module):
    def __init__(s): super().__init__(); s.encoder=Enc(); s.decoder=Dec(); s.ctc=nn.Linear(D,V+1)
def load(names):
    A=[];M=[];off=0
    for n in names:
        a=np.load(f'{DATA}/{n}.npy'); m=json.load(open(f'{DATA}/{n}.json'))
        for x in m: x['off']+=off
        A.append(a);M+=m;off+=len(a)
    return np.concatenate(A),M
R=np.random.default_rng(5); rnd=random.Random(7); HARD=[1.0]
def mulaw(x):
    # G.711 mu-law as companded quantisation (8 bits)
    y=np.sign(x)*np.log1p(255*np.abs(x))/np.log(256); y=np.round(y*127)/127
    return np.sign(y)*(np.expm1(np.abs(y)*np.log(256)))/255
def colored(n):
    s=np.fft.rfft(R.standard_normal(n)); f=np.arange(len(s))+8.0; s*=f**(-R.uniform(0,1.0)); y=np.fft.irfft(s,n); return y/(y.std()+1e-9)
def augment(A,m,M,hard=1.0):
    x=A[m['off']:m['off']+m['n']].astype(np.float32)/32768
    if rnd.random()<0.8:
        r=rnd.uniform(0.86,1.14); n=int(len(x)/r); x=np.interp(np.arange(n)*r,np.arange(len(x)),x).astype(np.float32)
    pre=int(8000*rnd.choice([0.02,rnd.uniform(0,0.25),rnd.uniform(0,0.6)])); post=int(8000*rnd.uniform(0.08,0.7))
    x=np.concatenate([np.zeros(pre,np.float32),x,np.zeros(post,np.float32)])[:int(9.5*8000)]
    n=len(x); nf=1<<(n-1).bit_length() if n<1<<17 else n
    S=np.fft.rfft(x,nf); fr=np.arange(len(S))/(len(S)-1)*4000
    if rnd.random()<0.75*HARD[0]:
        k=np.linspace(0,4000,7); gdb=R.normal(0,4.5,7); gdb+=rnd.uniform(-6,6)*(k/4000-0.5); S=S*10**(np.interp(fr,k,gdb)/20)
    if rnd.random()<0.6:
        lo=rnd.uniform(120,330);hi=rnd.uniform(3200,3800); S=S/np.sqrt(1+(lo/np.maximum(fr,1))**6)/np.sqrt(1+(fr/hi)**24)
    if rnd.random()<0.35*HARD[0]:
        L=int(8000*rnd.uniform(0.03,0.18)); h=R.standard_normal(L)*np.exp(-np.arange(L)/(L/6)); h*=rnd.uniform(0.1,0.5)/np.sqrt((h**2).sum()); h[0]+=1; S=S*np.fft.rfft(h,nf)
    x=np.fft.irfft(S,nf)[:n]
    p=np.sqrt((x**2).mean())+1e-6
    if rnd.random()<0.8:
        snr=rnd.uniform(6+16*(1-HARD[0]),40); nz=colored(n)
        if rnd.random()<0.25:
            o=M[rnd.randrange(len(M))]; b=A[o['off']:o['off']+o['n']].astype(np.float32); b=np.resize(b,n); nz=b/(b.std()+1e-6); snr=max(snr,12)
        x=x+nz*p*10**(-snr/20)
    x=x/(np.abs(x).max()+1e-6)*10**(rnd.uniform(-26,-0.5)/20)
    if rnd.random()<0.05: x=np.clip(x*2.5,-0.6,0.6)
    if rnd.random()<0.75: x=mulaw(x)
    return x.astype(np.float32)
def noise_item():
    n=int(8000*rnd.uniform(0.5,3)); x=colored(n)*10**(rnd.uniform(-60,-15)/20)
    if rnd.random()<0.4: x=x*(R.random(n)<0.002)*3
    if rnd.random()<0.3: x=x+0.1*np.sin(2*np.pi*rnd.uniform(60,2000)*np.arange(n)/8000)
    return mulaw(np.clip(x,-1,1)).astype(np.float32)
def batch(A,M,idx,aug=True):
    xs=[];ts=[];cs=[]
    for i in idx:
        if aug and rnd.random()<0.04: xs.append(noise_item()); ts.append((LEN if rnd.random()<0.5 else LZH,[])); continue
        m=M[i]; xs.append(augment(A,m,M) if aug else mulaw(np.concatenate([np.zeros(800,np.float32),A[m['off']:m['off']+m['n']].astype(np.float32)/32768,np.zeros(2400,np.float32)])).astype(np.float32))
        ts.append((LEN if m['lang']=='en' else LZH, toks(m['text'],m['lang'])))
    n=max(map(len,xs))+ (rnd.choice([0,0,rnd.randint(0,4800)]) if aug else 0); n=(n+159)//160*160; n=min(n,ACTX*160)
    X=np.zeros((len(xs),n),np.float32)
    for i,x in enumerate(xs): X[i,:min(n,len(x))]=x[:n]
    W=torch.stack([WARPS[rnd.randrange(len(WARPS))] if (aug and rnd.random()<0.85*HARD[0]) else WARPS[-1] for _ in xs])
    mel=logmel(torch.from_numpy(X),W)
    if aug:
        for b in range(mel.shape[0]):
            lo=float(mel[b].mean())
            for _ in range(2 if HARD[0]>0.5 else 0):
                f=rnd.randint(0,7); f0=rnd.randint(0,NM-f); mel[b,f0:f0+f]=lo
            if rnd.random()<0.5:
                t=rnd.randint(0,10); t0=rnd.randint(0,max(0,mel.shape[2]-t)); mel[b,:,t0:t0+t]=lo
    L=max(len(t) for _,t in ts)
    inp=torch.full((len(xs),L+4),EOT); tgt=torch.full((len(xs),L+4),-100)
    for b,(lg,t) in enumerate(ts):
        inp[b,:4+len(t)]=torch.tensor([SOT,lg,TRA,NOT]+t)
        if t or True: tgt[b,0]=lg if t else -100
        tgt[b,3:4+len(t)]=torch.tensor(t+[EOT])
    tl=torch.tensor([len(t) for _,t in ts]); ct=torch.tensor([k+1 for _,t in ts for k in t],dtype=torch.long)
    return mel,inp,tgt,ct,tl
@torch.no_grad()
def greedy(net,mel,lang):
    xa=net.encoder(mel); B=mel.shape[0]
    t=torch.stack([torch.full((B,),SOT),lang,torch.full((B,),TRA),torch.full((B,),NOT)],1); done=torch.zeros(B,dtype=torch.bool)
    l0=net.decoder(t[:,:1],xa)[:,0]; lid=torch.where(l0[:,LEN]>l0[:,LZH],LEN,LZH)
    for _ in range(24):
        lg=net.decoder(t,xa)[:,-1]; lg[:,SOT:]=-1e9; n=lg.argmax(-1); n=torch.where(done,torch.full_like(n,EOT),n); done|=n==EOT; t=torch.cat([t,n[:,None]],1)
        if done.all(): break
    return [[x for x in r.tolist() if x<V] for r in t[:,4:]],lid
def ed(a,b):
    p=list(range(len(b)+1))
    for i,x in enumerate(a):
        c=[i+1]
        for j,y in enumerate(b): c.append(min(p[j+1]+1,c[j]+1,p[j]+(x!=y)))
        p=c
    return p[-1]
def evaluate(net,A,M,n=300,aug=False):
    net.eval(); e={'en':0,'zh':0};N={'en':0,'zh':0};ok={'en':0,'zh':0};c={'en':0,'zh':0};lidok=0
    idx=sorted(range(min(n,len(M))),key=lambda i:M[i]['n'])
    for i in range(0,len(idx),32):
        ii=idx[i:i+32]; mel,inp,tgt,_,_=batch(A,M,ii,False); lang=inp[:,1]; hyp,lid=greedy(net,mel,lang); lidok+=(lid==lang).sum().item()
        for k,h in zip(ii,hyp):
            l=M[k]['lang']; r=toks(M[k]['text'],l); d=ed(r,h); e[l]+=d;N[l]+=len(r);ok[l]+=d==0;c[l]+=1
    net.train(); return {l:f'TER {100*e[l]/max(1,N[l]):.1f}% utt-exact {100*ok[l]/max(1,c[l]):.1f}%' for l in e},f'LID {100*lidok/len(idx):.1f}%'
HP=dict(n_vocab=51865,n_audio_ctx=ACTX,n_audio_state=D,n_audio_head=H,n_audio_layer=EL,n_text_ctx=TCTX,n_text_state=D,n_text_head=H,n_text_layer=DL,n_mels=NM)
def export(net,path,ft='f16'):
    sd={k:v.detach().numpy().copy() for k,v in net.state_dict().items()}; T={}
    for n,s in g.shapes(HP).items():
        if n=='encoder.positional_embedding': T[n]=sd['encoder.pe']
        elif n=='decoder.token_embedding.weight':
            E=np.zeros(s,np.float32); E[:,-1]=-30.0; W=sd[n]; E[:V]=W[:V]
            for tid,k in ((50257,EOT),(50258,SOT),(50259,LEN),(50260,LZH),(50359,TRA),(50363,NOT)): E[tid]=W[k]
            for tid in (50258,50359,50363): pass
            T[n]=E
        elif n=='decoder.ln.weight': a=sd[n]; a[-1]=0; T[n]=a
        elif n=='decoder.ln.bias': a=sd[n]; a[-1]=1; T[n]=a
        else: T[n]=sd[n].reshape(s)
    old=g.mel_filters; g.mel_filters=lambda n:MEL
    g.write(path,HP,T,VOCAB,ft); g.mel_filters=old
def start_from(net,path):
    """Loads a checkpoint whose vocabulary may differ: rows of tokens that both know are kept, new ones stay random."""
    ck=torch.load(path); sd=ck['state']; old={w:i for i,w in enumerate(ck['vocab'])}; ov=len(old); new=net.state_dict()
    E=new['decoder.token_embedding.weight']; C=new['ctc.weight']; B=new['ctc.bias']
    C[0]=sd['ctc.weight'][0]; B[0]=sd['ctc.bias'][0]
    for i,w in enumerate(VOCAB):
        if w in old: E[i]=sd['decoder.token_embedding.weight'][old[w]]; C[i+1]=sd['ctc.weight'][old[w]+1]; B[i+1]=sd['ctc.bias'][old[w]+1]
        else: B[i+1]=sd['ctc.bias'].min()
    for k in range(6): E[V+k]=sd['decoder.token_embedding.weight'][ov+k]
    sd=dict(sd); sd.update({'decoder.token_embedding.weight':E,'ctc.weight':C,'ctc.bias':B}); net.load_state_dict(sd)
if __name__=='__main__':
    torch.manual_seed(1); net=Model(); print('params',sum(p.numel() for p in net.parameters())/1e6,flush=True)
    if os.environ.get('INIT'): start_from(net,os.environ['INIT'])
    A,M=load(SHARDS); hA,hM=load(['held']) if os.path.exists(f'{DATA}/held.json') else (A,M[-200:])
    pA,pM=load(['human-held']) if os.path.exists(f'{DATA}/human-held.json') else (None,[])
    if 'human' in SHARDS: M=M+[m for m in M if m['voice'].startswith('human')]   # people count double
    print(len(M),'train',len(hM),'held',flush=True)
    dec=[p for n,p in net.named_parameters() if p.ndim>1]; nod=[p for n,p in net.named_parameters() if p.ndim<=1]
    opt=torch.optim.AdamW([{'params':dec,'weight_decay':0.02},{'params':nod,'weight_decay':0}],lr=LR,betas=(0.9,0.98))
    order=[];t0=time.time();acc=[];la=[0,0,0]
    for step in range(1,STEPS+1):
        lr=LR*min(step/300,0.5*(1+math.cos(math.pi*step/STEPS))+0.01)
        for gq in opt.param_groups: gq['lr']=lr
        if not order:
            ii=list(range(len(M))); rnd.shuffle(ii); ch=[]
            for i in range(0,len(ii),BS*20):
                blk=sorted(ii[i:i+BS*20],key=lambda k:M[k]['n']); ch+=[blk[j:j+BS] for j in range(0,len(blk),BS)]
            rnd.shuffle(ch); order=ch
        HARD[0]=min(1.0,max(0.15,(step/STEPS-0.10)/0.4))
        mel,inp,tgt,ct,tl=batch(A,M,order.pop())
        xa=net.encoder(mel); lg=net.decoder(inp,xa)
        ce=F.cross_entropy(lg.transpose(1,2),tgt,ignore_index=-100,label_smoothing=0.05)
        lp=F.log_softmax(net.ctc(xa),-1).transpose(0,1); ctc=F.ctc_loss(lp,ct,torch.full((lp.shape[1],),lp.shape[0]),tl,zero_infinity=True)
        w=0.6 if step<STEPS*0.3 else 0.4 if step<STEPS*0.7 else 0.15
        loss=(1-w)*ce+w*ctc
        opt.zero_grad(); loss.backward(); torch.nn.utils.clip_grad_norm_(net.parameters(),1.0); opt.step()
        la=[la[0]+ce.item(),la[1]+ctc.item(),la[2]+1]
        if step%100==0: print(step,f'ce {la[0]/la[2]:.3f} ctc {la[1]/la[2]:.3f} lr {lr:.5f} {step*BS/(time.time()-t0):.1f} utt/s {time.time()-t0:.0f}s',flush=True); la=[0,0,0]
        if step%1000==0 or step==STEPS:
            print('EVAL held',evaluate(net,hA,hM),flush=True); torch.save(dict(vocab=VOCAB,state=net.state_dict()),OUT+'.pt'); export(net,OUT+'-q5_1.bin','q5_1')
            if pM: print('EVAL people',evaluate(net,pA,pM,600),flush=True)
